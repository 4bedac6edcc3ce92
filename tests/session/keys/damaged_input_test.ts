// The readers of keys, certificates, requests and signatures under damaged input: cut, changed, doubled, spliced, lying
// about lengths. Whatever it is, a TypeError says so, and shows nothing of a key. The damage is the same in each run.
import { assert, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { readRequest } from "../../../session/certificates/certificate_request.ts";
import { readDer } from "../../../session/keys/forms/asn1.ts";
import { certificateKey, readCertificate, subjectAltNames } from "../../../session/keys/forms/certificate.ts";
import { ecdsaSignatureFromDer, ecdsaSignatureToDer } from "../../../session/keys/forms/write_der.ts";
import { readEncryption } from "../../../session/keys/forms/encrypted_pkcs8.ts";
import { writePem } from "../../../session/keys/forms/pem.ts";
import { readKeySync } from "../../../session/keys/forms/read_key.ts";
import { x509Of } from "../../../session/keys/x509.ts";
import { SeededRandom } from "../../_support/random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const ROUNDS = 150;

function openssl(args: string, input: string | Uint8Array = ""): Bytes {
  return new Uint8Array(execFileSync("openssl", args.split(" "), { input, stdio: ["pipe", "pipe", "ignore"] }));
}

const rsa = openssl("genrsa -traditional 1024");
const ec = openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256");
const request =
  "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -outform DER -subj /CN=a";
const names = "-addext subjectAltName=DNS:example.org,IP:192.0.2.1";

/** Inputs that are right, and how each is read. */
const readers: Readonly<Record<string, readonly [Bytes, (bytes: Bytes) => unknown]>> = {
  "PKCS#1": [openssl("rsa -traditional -outform DER", rsa), (bytes) => readKeySync(bytes, undefined)],
  "PKCS#8 of RSA": [openssl("pkcs8 -topk8 -nocrypt -outform DER", rsa), (bytes) => readKeySync(bytes, undefined)],
  "PKCS#8 of EC": [openssl("pkcs8 -topk8 -nocrypt -outform DER", ec), (bytes) => readKeySync(bytes, undefined)],
  "SEC1": [openssl("ec -outform DER", ec), (bytes) => readKeySync(bytes, undefined)],
  "PKCS#8 of Ed25519": [
    openssl("genpkey -algorithm Ed25519 -outform DER"),
    (bytes) => readKeySync(bytes, undefined),
  ],
  "SubjectPublicKeyInfo": [openssl("pkey -pubout -outform DER", ec), (bytes) => readKeySync(bytes, undefined)],
  "encrypted PKCS#8": [
    openssl("pkcs8 -topk8 -passout pass:x -outform DER", ec),
    (bytes) => readEncryption(readDer(bytes, "the key"), "the key"),
  ],
  "a certificate": [openssl(`${request} -x509 ${names}`), (bytes) => {
    const parts = readCertificate(bytes);
    certificateKey(parts);
    subjectAltNames(parts.extensions);
    return x509Of(parts);
  }],
  "a request": [openssl(`${request} ${names}`), readRequest],
  "an ECDSA signature": [
    ecdsaSignatureToDer(new Uint8Array(64).fill(200)),
    (bytes) => ecdsaSignatureFromDer(bytes, 32),
  ],
};

/** One way to damage bytes, or several after one another. */
function damaged(bytes: Bytes, other: Bytes, random: SeededRandom): Bytes {
  const at = random.integer(0, bytes.length || 1);
  const changed = bytes.slice();
  switch (random.integer(0, 8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      changed[at]! ^= 1 << random.integer(0, 8);
      return changed;
    case 2:
      changed[at] = random.integer(0, 256);
      return changed;
    case 3:
      return Uint8Array.of(...bytes, ...bytes);
    case 4:
      return Uint8Array.of(...bytes.slice(0, at), ...other.slice(random.integer(0, other.length)));
    case 5:
      // A length of four bytes that promises more than there is.
      return Uint8Array.of(...bytes.slice(0, at), 0x84, 0x7f, 0xff, 0xff, 0xff, ...bytes.slice(at + 1));
    case 6:
      return Uint8Array.of(...bytes.slice(0, at), ...new Uint8Array(1 + random.integer(0, 40)), ...bytes.slice(at));
    default:
      return damaged(damaged(bytes, other, random), other, random);
  }
}

/** What is wrong must be said, and nothing of the key. */
function assertSaid(error: unknown, input: Bytes): void {
  assert(error instanceof TypeError || error instanceof RangeError, String(error));
  assert(/^Cannot (read|use) /.test(error.message), error.message);
  assert(error.message.length < 400, error.message);
  const said = error.message.toLowerCase();
  for (let at = 0; at + 6 <= input.length; at++) {
    assert(!said.includes(Buffer.from(input.subarray(at, at + 6)).toString("hex")), error.message);
  }
}

describe("damaged input", () => {
  const inputs = Object.values(readers).map(([bytes]) => bytes);
  for (const [name, [bytes, read]] of Object.entries(readers)) {
    it(`is refused with what is wrong, or read as what it still is: ${name}`, () => {
      const random = new SeededRandom(name.length * 7919);
      read(bytes);
      let refused = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const input = damaged(bytes, random.pick(inputs), random);
        try {
          read(input);
        } catch (error) {
          refused++;
          assertSaid(error, input);
        }
      }
      assert(refused > ROUNDS / 3, `${refused} of ${ROUNDS} were refused`);
    });
  }

  it("of huge size, or deep in itself, is refused before it costs anything", () => {
    const deep = [...Array(200)].reduce<Bytes>((inner) => {
      const length = inner.length < 0x80 ? [inner.length] : [0x82, inner.length >> 8, inner.length & 255];
      return Uint8Array.of(0x30, ...length, ...inner);
    }, new Uint8Array());
    assertThrows(() => readDer(deep, "the key"), TypeError, "deep in each other");
    const many = new Uint8Array(4 + 60_000);
    many.set([0x30, 0x82, 60_000 >> 8, 60_000 & 255]);
    for (let at = 4; at < many.length; at += 2) many[at] = 5;
    assertThrows(() => readDer(many, "the key"), TypeError, "more than 20000 elements");
    assertThrows(() => readDer(new Uint8Array(5 << 20), "the key"), TypeError, "at most 4194304 are read");
    const long = `-----BEGIN PRIVATE KEY-----\n${"A".repeat(9 << 20)}\n-----END PRIVATE KEY-----\n`;
    assertThrows(() => readKeySync(long, undefined), TypeError, "at most 8388608 are read");
  });

  it("in PEM is refused in the same way", () => {
    const random = new SeededRandom(4711);
    const pem = writePem("PRIVATE KEY", readers["PKCS#8 of EC"]![0]);
    for (let round = 0; round < ROUNDS; round++) {
      const input = damaged(new TextEncoder().encode(pem), inputs[0]!, random);
      try {
        readKeySync(Buffer.from(input).toString("latin1"), undefined);
      } catch (error) {
        assertSaid(error, input);
      }
    }
  });
});
