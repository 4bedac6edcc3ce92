// About session/keys/: read_key, read_der, write_der, json_web_key, encrypted_pkcs8, check_key.
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { generatePrimeSync, getCiphers } from "node:crypto";
import { describe, it } from "node:test";
import { curves, parameterSets } from "../../../session/attributes/named_parameters.ts";
import { readCertificate } from "../../../session/keys/forms/certificate.ts";
import { writeJsonWebKey, writePublicJsonWebKey } from "../../../session/keys/forms/json_web_key.ts";
import type { AsymmetricMaterial, KeyMaterial } from "../../../session/keys/forms/key_material.ts";
import { writePem } from "../../../session/keys/forms/pem.ts";
import { readKey, readKeySync } from "../../../session/keys/forms/read_key.ts";
import { writePkcs8, writeSpki } from "../../../session/keys/forms/write_der.ts";
import { expandSeed } from "../../../session/keys/forms/post_quantum.ts";

function openssl(args: readonly string[], input: string | Uint8Array = ""): Uint8Array<ArrayBuffer> {
  return new Uint8Array(execFileSync("openssl", args, { input, stdio: ["pipe", "pipe", "ignore"] }));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** OpenSSL's name of a curve's algorithm and what else it wants. */
function generation(curve: string): string[] {
  const names: Record<string, string> = { "P-224": "secp224r1" };
  if (/^(Ed|X)/.test(curve)) return ["genpkey", "-algorithm", curve];
  return ["genpkey", "-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${names[curve] ?? curve}`];
}

const generated: readonly [name: string, args: string[]][] = [
  ["RSA", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]],
  ...curves.map(({ name }): [string, string[]] => [name, generation(name)]),
];

function asymmetric(material: KeyMaterial): AsymmetricMaterial {
  if (material.kind === "secret") throw new TypeError("Cannot go on: the key is a secret key");
  return material;
}

describe("a key in a form that is not read", () => {
  const refused = (input: string | Uint8Array<ArrayBuffer>, said: string) => {
    assertThrows(() => readKeySync(input, undefined), TypeError, `Cannot read the key: it is ${said}`);
    const other = input instanceof Uint8Array ? said : "";
    if (other) assertThrows(() => readCertificate(input), TypeError, `Cannot read the certificate: it is ${other}`);
  };

  it("is told with the command that converts it: PKCS #12", () => {
    const key = text(openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]));
    for (const nothing of [[], ["-nomac"]]) {
      const file = openssl(["pkcs12", "-export", "-nocerts", "-passout", "pass:1234", ...nothing], key);
      refused(file, 'a PKCS #12 file; convert it with "openssl pkcs12 -in FILE -nodes"');
      const converted = openssl(["pkcs12", "-nodes", "-passin", "pass:1234", "-nocerts"], file);
      assertEquals(readKeySync(text(converted), undefined).material, readKeySync(key, undefined).material);
    }
    // Of the encoding that other programs write, in pieces of unknown length.
    refused(Uint8Array.of(0x30, 0x80, 2, 1, 3, 0x30, 0x80), "a PKCS #12 file");
    assertThrows(() => readKeySync(Uint8Array.of(0x30, 0x80, 2, 1, 0), undefined), TypeError, "it is no DER");
  });

  it("is told with the command that converts it: OpenSSH's", () => {
    const pem = writePem("OPENSSH PRIVATE KEY", new TextEncoder().encode("openssh-key-v1\0none"));
    refused(pem, 'a key in OpenSSH\'s own form; convert it with "ssh-keygen -p -m PKCS8 -f FILE" (RSA and ECDSA; ');
  });
});

describe("a key of OpenSSL's", () => {
  for (const [name, args] of generated) {
    it(`is read and written in each form: ${name}`, async () => {
      const pem = text(openssl(args));
      const der = openssl(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], pem);
      const spki = openssl(["pkey", "-pubout", "-outform", "DER"], pem);

      const key = asymmetric((await readKey(pem, undefined)).material);
      assertEquals(writeSpki(key), spki);
      assertEquals(asymmetric(readKeySync(der, undefined).material), key);
      assertEquals(writePkcs8(key), der);
      // The public half alone.
      const half = asymmetric(readKeySync(spki, undefined).material);
      assertEquals(writeSpki(half), spki);
      assertEquals(readKeySync(text(openssl(["pkey", "-pubout"], pem)), undefined).material, half);
      // JSON and back.
      assertEquals(readKeySync(writeJsonWebKey(key), undefined).material, key);
      assertEquals(readKeySync(writePublicJsonWebKey(key), undefined).material, half);
      assertEquals(text(openssl(["pkey", "-outform", "PEM"], writePem("PRIVATE KEY", writePkcs8(key)))), pem);
    });
  }

  it("is read in the old forms PKCS#1 and SEC1, parameters in front", () => {
    const rsa = text(openssl(generated[0]![1]));
    const expected = readKeySync(rsa, undefined).material;
    assertEquals(readKeySync(openssl(["rsa", "-traditional", "-outform", "DER"], rsa), undefined).material, expected);
    assertMatch(text(openssl(["rsa", "-traditional"], rsa)), /BEGIN RSA PRIVATE KEY/);
    assertEquals(readKeySync(text(openssl(["rsa", "-traditional"], rsa)), undefined).material, expected);
    const half = readKeySync(text(openssl(["rsa", "-RSAPublicKey_out"], rsa)), undefined).material;
    assertEquals(writeSpki(asymmetric(half)), writeSpki(asymmetric(expected)));

    const sec1 = text(openssl(["ecparam", "-name", "prime256v1", "-genkey"]));
    assertMatch(sec1, /BEGIN EC PARAMETERS[^]*BEGIN EC PRIVATE KEY/);
    const key = asymmetric(readKeySync(sec1, undefined).material);
    assertEquals(writePkcs8(key), openssl(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], sec1));
  });

  it("is read with compressed points", () => {
    const pem = text(openssl(generation("P-384")));
    const compressed = openssl(["ec", "-pubout", "-conv_form", "compressed", "-outform", "DER"], pem);
    const whole = openssl(["pkey", "-pubout", "-outform", "DER"], pem);
    assertEquals(compressed.length < whole.length, true);
    assertEquals(writeSpki(asymmetric(readKeySync(compressed, undefined).material)), whole);
  });
});

describe("an encrypted key", () => {
  const pem = text(openssl(generation("P-256")));
  const expected = readKeySync(pem, undefined).material;
  const ways: readonly string[][] = [
    ["-v2", "aes-256-cbc"],
    ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1", "-iter", "1000"],
    ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"],
    ["-v2", "des3"],
    ["-scrypt"],
  ];
  for (const way of ways) {
    it(`opens with its passphrase: openssl pkcs8 -topk8 ${way.join(" ")}`, async () => {
      const encrypted = text(openssl(["pkcs8", "-topk8", "-passout", "pass:geheim\u00df", ...way], pem));
      assertMatch(encrypted, /BEGIN ENCRYPTED PRIVATE KEY/);
      if (way.includes("aes-192-cbc") && !getCiphers().includes("aes-192-cbc")) {
        assertThrows(() => readKeySync(encrypted, "geheim\u00df"), TypeError, "this runtime has no aes-192-cbc");
        return;
      }
      assertEquals((await readKey(encrypted, "geheim\u00df")).material, expected);
      assertEquals(readKeySync(encrypted, new TextEncoder().encode("geheim\u00df")).material, expected);
      const wrong = await assertRejects(() => readKey(encrypted, "falsch"), TypeError);
      assertEquals(wrong.message, "Cannot read the key: the passphrase is wrong, or the encrypted key is damaged");
      assertThrows(() => readKeySync(encrypted, undefined), TypeError, "it is encrypted and no passphrase was given");
    });
  }

  it("is refused by name where its encryption is older than PBES2", () => {
    const old = text(openssl(["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-passout", "pass:x"], pem));
    assertThrows(() => readKeySync(old, "x"), TypeError, "is not PBES2");
    const older = text(openssl(["ec", "-aes256", "-passout", "pass:x"], pem));
    assertThrows(() => readKeySync(older, "x"), TypeError, "encrypted in OpenSSL's old form");
  });
});

describe("a post-quantum key", () => {
  for (const set of parameterSets.filter(({ seedLength }) => seedLength > 0)) {
    it(`is read by its seed, its expanded form and both: ${set.name}`, () => {
      const seed = Uint8Array.from({ length: set.seedLength }, (_, at) => at + 1);
      const expanded = expandSeed(set, seed);
      const whole = { kind: "post-quantum", set, seed, ...expanded } as const;
      const bySeed = readKeySync(writePkcs8(whole), undefined).material;
      assertEquals(bySeed, whole);
      const byExpanded = asymmetric(readKeySync(writePkcs8({ ...whole, seed: null }), undefined).material);
      assertEquals(byExpanded, { ...whole, seed: null });
      assertEquals(writeSpki(byExpanded), writeSpki(whole));
      assertEquals(readKeySync(writeJsonWebKey(whole), undefined).material, whole);
      assertThrows(() => writeJsonWebKey({ ...whole, seed: null }), TypeError, "seed");
      const foreign = {
        ...whole,
        privateKey: null,
        seed,
        publicKey: expandSeed(set, seed.map((byte) => byte ^ 1)).publicKey,
      };
      assertThrows(
        () => readKeySync(writeJsonWebKey(foreign), undefined),
        TypeError,
        "its public half does not belong",
      );
    });
  }
});

describe("a JSON Web Key", () => {
  it("of RSA may lack the primes, which are found again", () => {
    const key = readKeySync(text(openssl(generated[0]![1])), undefined).material;
    const { kty, n, e, d } = writeJsonWebKey(key);
    const short = readKeySync({ kty: kty!, n: n!, e: e!, d: d! }, undefined).material;
    assertEquals(writeJsonWebKey(short).n, n);
    assertEquals(
      [writeJsonWebKey(short).p, writeJsonWebKey(short).q].sort(),
      [writeJsonWebKey(key).p, writeJsonWebKey(key).q].sort(),
    );
  });

  it("of a secret key is AES where its algorithm says so", () => {
    const k = Buffer.alloc(32, 7).toString("base64url");
    assertEquals(readKeySync({ kty: "oct", k, alg: "A256GCM" }, undefined).material, {
      kind: "secret",
      keyType: 0x1f,
      value: new Uint8Array(32).fill(7),
    });
    assertEquals((readKeySync({ kty: "oct", k }, undefined).material as { keyType: number }).keyType, 0x10);
    assertThrows(() => readKeySync({ kty: "oct", k, alg: "A128GCM" }, undefined), TypeError, "A128GCM");
  });
});

describe("a CryptoKey", () => {
  it("is read where it is extractable, and refused by name where it is not", async () => {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
    assertEquals((await readKey(privateKey, undefined)).material, readKeySync(der, undefined).material);
    const locked = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
    await assertRejects(() => readKey(locked.privateKey, undefined), TypeError, "not extractable");
    assertThrows(() => readKeySync(privateKey, undefined), TypeError, "use the asynchronous call");
  });
});

describe("a damaged key", () => {
  const pem = text(openssl(generation("P-256")));
  const jwk = writeJsonWebKey(readKeySync(pem, undefined).material);
  const other = writeJsonWebKey(readKeySync(text(openssl(generation("P-256"))), undefined).material);
  const rsa = writeJsonWebKey(readKeySync(text(openssl(generated[0]![1])), undefined).material);
  const wrong: readonly [string, () => unknown, string][] = [
    [
      "x and y of another key",
      () => readKeySync({ ...jwk, x: other.x!, y: other.y! }, undefined),
      "its public half does not belong",
    ],
    [
      "a zero number",
      () => readKeySync({ ...jwk, d: Buffer.alloc(32).toString("base64url") }, undefined),
      "not between zero and the order",
    ],
    [
      "a number too large",
      () => readKeySync({ ...jwk, d: Buffer.alloc(32, 255).toString("base64url") }, undefined),
      "not between zero and the order",
    ],
    ["a point off its curve", () => readKeySync({ ...jwk, x: other.x! }, undefined), "does not lie on P-256"],
    ["a short coordinate", () => readKeySync({ ...jwk, x: "AA" }, undefined), "it has 1 bytes"],
    ["no base64url", () => readKeySync({ ...jwk, x: "%%%" }, undefined), 'member "x" is no base64url'],
    ["a missing member", () => readKeySync({ kty: "EC", crv: "P-256", x: jwk.x! }, undefined), 'member "y" is missing'],
    ["an unknown type", () => readKeySync({ kty: "DSA" }, undefined), '"kty" is "DSA"'],
    ["two keys in one text", () => readKeySync(pem + pem, undefined), "holds 2 PEM blocks"],
    ["a certificate", () => readKeySync(writePem("CERTIFICATE", new Uint8Array([1])), undefined), "importCertificate"],
    ["an RSA exponent of another key", () => readKeySync({ ...rsa, d: rsa.n! }, undefined), "does not belong"],
    [
      "an RSA prime of another key",
      () => readKeySync({ ...rsa, p: rsa.q! }, undefined),
      "its primes do not make its modulus",
    ],
    ["text that is no PEM", () => readKeySync("hello", undefined), "the text is no PEM"],
    ["nothing", () => readKeySync(new Uint8Array(), undefined), "it is no DER"],
    ["another thing", () => readKeySync(5 as never, undefined), "got a number"],
  ];
  for (const [name, read, message] of wrong) {
    it(`is refused with what is wrong: ${name}`, () => {
      const error = assertThrows(read, TypeError, message);
      assertEquals(error.message.startsWith("Cannot read the key: "), true);
      assertEquals(error.message.includes(jwk.d!), false);
    });
  }

  it("is given up after a few looks for its primes", (context) => {
    const looks = context.mock.method(crypto, "getRandomValues").mock;
    const looksFor = (key: { n: string; d: string }): number => {
      const before = looks.callCount();
      assertThrows(() => readKeySync({ kty: "RSA", e: "AQAB", ...key }, undefined), TypeError, "does not belong");
      return looks.callCount() - before;
    };
    assertEquals(looksFor({ n: rsa.n!, d: rsa.p! }), 1);
    // A prime has no factors, and powers that look right all the same.
    const prime = generatePrimeSync(1024, { bigint: true });
    let inverse = (prime - 1n) * 2n + 1n;
    while (inverse % 65537n !== 0n) inverse += prime - 1n;
    const number = (value: bigint) => Buffer.from(value.toString(16).padStart(256, "0"), "hex").toString("base64url");
    assertEquals(looksFor({ n: number(prime), d: number(inverse / 65537n) }), 4);
  });

  it("never breaks the reader, cut and changed at every place", () => {
    const der = openssl(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], pem);
    for (let at = 0; at < der.length; at++) {
      assertThrows(() => readKeySync(der.slice(0, at), undefined), TypeError);
      for (const bit of [1, 0x80]) {
        const changed = der.slice();
        changed[at]! ^= bit;
        try {
          readKeySync(changed, undefined);
        } catch (error) {
          assertEquals(
            error instanceof TypeError && /^Cannot read the key[:,]/.test(error.message),
            true,
            String(error),
          );
        }
      }
    }
  });

  it("leaves nothing of itself behind when it is overwritten", () => {
    const read = readKeySync(openssl(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], pem), undefined);
    read.wipe();
    assertEquals((read.material as { privateKey: Uint8Array }).privateKey, new Uint8Array(32));
  });
});
