// webcrypto/subtle.ts and webcrypto/algorithms/: every refusal has the name the specification gives it, as the runtime's
// own SubtleCrypto has.
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { type TokenCrypto, tokenCrypto } from "../../webcrypto/mod.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";

// Wrong arguments are what this is about: the types of both sides are left out.
// deno-lint-ignore no-explicit-any
type Untyped = any;

/** Keys that the cases use, made by whose refusals are looked at. */
type Keys = Record<"ecdsa" | "ecdh" | "rsa" | "oaep" | "ed" | "x" | "cbc" | "gcm" | "kw" | "hmac" | "hidden", Untyped>;

interface Refusal {
  /** What the specification says: the name of the error, or of what is given. */
  readonly name: string;
  readonly run: (subtle: Untyped, keys: Keys) => Promise<unknown>;
}

function refusal(name: string, run: Refusal["run"]): Refusal {
  return { name, run };
}

const data = new TextEncoder().encode("what is signed");
const bytes16 = new Uint8Array(16);
const hmacJwk = { kty: "oct", k: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" };
const hmac = { name: "HMAC", hash: "SHA-256" };
const p256 = { name: "ECDSA", namedCurve: "P-256" };
const sha256 = { name: "ECDSA", hash: "SHA-256" };
const rsa = { name: "RSA-PSS", modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" };

/** The neutral point of a curve of EdDSA, which has order 1. */
function neutral(length: number): Uint8Array<ArrayBuffer> {
  const point = new Uint8Array(length);
  point[0] = 1;
  return point;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** What verifies any data under the neutral point: R = S · B, of a key pair whose S is known (RFC 8032 §5.1.5). */
function anythingSigned(): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const seed = Buffer.alloc(32, 7);
  const scalar = createHash("sha512").update(seed).digest().subarray(0, 32);
  scalar[0]! &= 248;
  scalar[31] = scalar[31]! & 127 | 64;
  const s = (BigInt(`0x${scalar.reverse().toString("hex")}`) % order).toString(16).padStart(64, "0");
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const { x } = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({ format: "jwk" });
  return joined(Buffer.from(x!, "base64url"), Buffer.from(s, "hex").reverse());
}

async function verifyUnder(subtle: Untyped, name: string, key: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return await subtle.verify(name, await subtle.importKey("raw", key, name, true, ["verify"]), signature, data);
}

const cases: Readonly<Record<string, Refusal>> = {
  "no arguments": refusal("TypeError", (subtle) => subtle.digest()),
  "a number for an algorithm": refusal("NotSupportedError", (subtle) => subtle.digest(5, data)),
  "an algorithm without a name": refusal("TypeError", (subtle) => subtle.digest({}, data)),
  "an unknown algorithm": refusal("NotSupportedError", (subtle) => subtle.digest("MD5", data)),
  "an algorithm without the operation": refusal(
    "NotSupportedError",
    (subtle, { hmac }) => subtle.encrypt("HMAC", hmac, data),
  ),
  "text for data": refusal("TypeError", (subtle) => subtle.digest("SHA-256", "text")),
  "what is no key": refusal("TypeError", (subtle) => subtle.sign(sha256, {}, data)),
  "an unknown hash": refusal(
    "NotSupportedError",
    (subtle, { ecdsa }) => subtle.sign({ name: "ECDSA", hash: "MD5" }, ecdsa.privateKey, data),
  ),
  "no hash": refusal("TypeError", (subtle, { ecdsa }) => subtle.sign("ECDSA", ecdsa.privateKey, data)),
  "another algorithm's key": refusal("InvalidAccessError", (subtle, { hmac }) => subtle.sign(sha256, hmac, data)),
  "a public key that is to sign": refusal(
    "InvalidAccessError",
    (subtle, { ecdsa }) => subtle.sign(sha256, ecdsa.publicKey, data),
  ),
  "a key that is not for this use": refusal(
    "InvalidAccessError",
    (subtle, { hidden }) => subtle.verify("HMAC", hidden, data, data),
  ),
  "an unknown usage": refusal("TypeError", (subtle) => subtle.generateKey(p256, true, ["sing"])),
  "usages that are no list": refusal("TypeError", (subtle) => subtle.generateKey(p256, true, "sign")),
  "another algorithm's usage": refusal("SyntaxError", (subtle) => subtle.generateKey(p256, true, ["encrypt"])),
  "a pair without a private use": refusal("SyntaxError", (subtle) => subtle.generateKey(p256, true, ["verify"])),
  "a secret key without a use": refusal("SyntaxError", (subtle) => subtle.generateKey(hmac, true, [])),
  "an unknown curve": refusal(
    "NotSupportedError",
    (subtle) => subtle.generateKey({ ...p256, namedCurve: "P-1" }, true, ["sign"]),
  ),
  "no curve": refusal("TypeError", (subtle) => subtle.generateKey("ECDSA", true, ["sign"])),
  "an AES key of 100 bits": refusal(
    "OperationError",
    (subtle) => subtle.generateKey({ name: "AES-GCM", length: 100 }, true, ["encrypt"]),
  ),
  "a length below zero": refusal(
    "TypeError",
    (subtle) => subtle.generateKey({ name: "AES-GCM", length: -1 }, true, ["encrypt"]),
  ),
  "an HMAC key without a bit": refusal(
    "OperationError",
    (subtle) => subtle.generateKey({ ...hmac, length: 0 }, true, ["sign"]),
  ),
  "an even exponent": refusal(
    "OperationError",
    (subtle) => subtle.generateKey({ ...rsa, publicExponent: Uint8Array.of(2) }, true, ["sign"]),
  ),
  "the exponent 1, before that no usage was given": refusal(
    "OperationError",
    (subtle) => subtle.generateKey({ ...rsa, publicExponent: Uint8Array.of(0, 1) }, true, []),
  ),
  "an exponent that is no Uint8Array": refusal(
    "TypeError",
    (subtle) => subtle.generateKey({ ...rsa, publicExponent: [1, 0, 1] }, true, ["sign"]),
  ),
  "an unknown form": refusal("TypeError", (subtle) => subtle.importKey("pem", data, hmac, true, ["sign"])),
  "JSON for bytes": refusal("TypeError", (subtle) => subtle.importKey("raw", hmacJwk, hmac, true, ["sign"])),
  "bytes for JSON": refusal("TypeError", (subtle) => subtle.importKey("jwk", bytes16, hmac, true, ["sign"])),
  "an empty HMAC key": refusal(
    "DataError",
    (subtle) => subtle.importKey("raw", new Uint8Array(0), hmac, true, ["sign"]),
  ),
  "an HMAC key that is shorter than its length": refusal(
    "DataError",
    (subtle) => subtle.importKey("raw", bytes16, { ...hmac, length: 136 }, true, ["sign"]),
  ),
  "an AES key of 15 bytes": refusal(
    "DataError",
    (subtle) => subtle.importKey("raw", new Uint8Array(15), "AES-CBC", true, ["encrypt"]),
  ),
  "a secret key from outside without a use": refusal(
    "SyntaxError",
    (subtle) => subtle.importKey("raw", bytes16, "AES-CBC", true, []),
  ),
  "JSON of another kind": refusal(
    "DataError",
    (subtle) => subtle.importKey("jwk", { kty: "EC" }, hmac, true, ["sign"]),
  ),
  "JSON for another use": refusal(
    "DataError",
    (subtle) => subtle.importKey("jwk", { ...hmacJwk, use: "enc" }, hmac, true, ["sign"]),
  ),
  "JSON without the operation": refusal(
    "DataError",
    (subtle) => subtle.importKey("jwk", { ...hmacJwk, key_ops: ["verify"] }, hmac, true, ["sign"]),
  ),
  "JSON that may not leave": refusal(
    "DataError",
    (subtle) => subtle.importKey("jwk", { ...hmacJwk, ext: false }, hmac, true, ["sign"]),
  ),
  "JSON of another hash": refusal(
    "DataError",
    (subtle) => subtle.importKey("jwk", { ...hmacJwk, alg: "HS512" }, hmac, true, ["sign"]),
  ),
  "JSON that is no base64url": refusal(
    "DataError",
    (subtle) => subtle.importKey("jwk", { ...hmacJwk, k: "a+/=" }, hmac, true, ["sign"]),
  ),
  "JSON of another curve": refusal(
    "DataError",
    (subtle) => subtle.importKey("jwk", { kty: "EC", crv: "P-384", x: "AA", y: "AA" }, p256, true, ["verify"]),
  ),
  "DER that is none": refusal("DataError", (subtle) => subtle.importKey("spki", data, p256, true, ["verify"])),
  "a point that is none": refusal(
    "DataError",
    (subtle) => subtle.importKey("raw", new Uint8Array(65), p256, true, ["verify"]),
  ),
  "a public key that is to sign, from outside": refusal(
    "SyntaxError",
    (subtle) => subtle.importKey("spki", data, p256, true, ["sign"]),
  ),
  "a raw RSA key": refusal("NotSupportedError", (subtle) => subtle.importKey("raw", data, rsa, true, ["verify"])),
  "a key that may not leave": refusal("InvalidAccessError", (subtle, { hidden }) => subtle.exportKey("raw", hidden)),
  "the public form of a private key": refusal(
    "InvalidAccessError",
    (subtle, { ecdsa }) => subtle.exportKey("spki", ecdsa.privateKey),
  ),
  "the raw form of a private key": refusal(
    "InvalidAccessError",
    (subtle, { ecdsa }) => subtle.exportKey("raw", ecdsa.privateKey),
  ),
  "the raw form of RSA": refusal("NotSupportedError", (subtle, { rsa }) => subtle.exportKey("raw", rsa.publicKey)),
  "PKCS#8 of a secret key": refusal("NotSupportedError", (subtle, { hmac }) => subtle.exportKey("pkcs8", hmac)),
  "an iv of 15 bytes": refusal(
    "OperationError",
    (subtle, { cbc }) => subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(15) }, cbc, data),
  ),
  "no iv": refusal("TypeError", (subtle, { cbc }) => subtle.encrypt("AES-CBC", cbc, data)),
  "blocks that are none": refusal(
    "OperationError",
    (subtle, { cbc }) => subtle.decrypt({ name: "AES-CBC", iv: bytes16 }, cbc, data),
  ),
  "padding that is none": refusal(
    "OperationError",
    (subtle, { cbc }) => subtle.decrypt({ name: "AES-CBC", iv: bytes16 }, cbc, bytes16),
  ),
  "a tag of 100 bits": refusal(
    "OperationError",
    (subtle, { gcm }) => subtle.encrypt({ name: "AES-GCM", iv: bytes16, tagLength: 100 }, gcm, data),
  ),
  "a tag that is wrong": refusal(
    "OperationError",
    (subtle, { gcm }) => subtle.decrypt({ name: "AES-GCM", iv: bytes16 }, gcm, new Uint8Array(40)),
  ),
  "less than a tag": refusal(
    "OperationError",
    (subtle, { gcm }) => subtle.decrypt({ name: "AES-GCM", iv: bytes16 }, gcm, new Uint8Array(8)),
  ),
  "wrapping with a key that is not for it": refusal(
    "InvalidAccessError",
    (subtle, { hmac, gcm }) => subtle.wrapKey("raw", hmac, gcm, { name: "AES-GCM", iv: bytes16 }),
  ),
  "wrapping a key that may not leave": refusal(
    "InvalidAccessError",
    (subtle, { hidden, kw }) => subtle.wrapKey("raw", hidden, kw, "AES-KW"),
  ),
  "a wrapped key that is none": refusal(
    "OperationError",
    (subtle, { kw }) => subtle.unwrapKey("raw", new Uint8Array(40), kw, "AES-KW", hmac, true, ["sign"]),
  ),
  "too much for RSA-OAEP": refusal(
    "OperationError",
    (subtle, { oaep }) => subtle.encrypt("RSA-OAEP", oaep.publicKey, new Uint8Array(200)),
  ),
  "what RSA-OAEP has not encrypted": refusal(
    "OperationError",
    (subtle, { oaep }) => subtle.decrypt("RSA-OAEP", oaep.privateKey, new Uint8Array(128)),
  ),
  "a salt that is too long": refusal(
    "OperationError",
    (subtle, { rsa }) => subtle.sign({ name: "RSA-PSS", saltLength: 200 }, rsa.privateKey, data),
  ),
  "no other side": refusal("TypeError", (subtle, { ecdh }) => subtle.deriveBits("ECDH", ecdh.privateKey, 8)),
  "another curve's other side": refusal(
    "InvalidAccessError",
    (subtle, { ecdh, x }) => subtle.deriveBits({ name: "ECDH", public: x.publicKey }, ecdh.privateKey, 8),
  ),
  "a private other side": refusal(
    "InvalidAccessError",
    (subtle, { ecdh }) => subtle.deriveBits({ name: "ECDH", public: ecdh.privateKey }, ecdh.privateKey, 8),
  ),
  "more bits than there are": refusal(
    "OperationError",
    (subtle, { ecdh }) => subtle.deriveBits({ name: "ECDH", public: ecdh.publicKey }, ecdh.privateKey, 264),
  ),
  "a key for agreement that is to have a public use": refusal(
    "SyntaxError",
    (subtle) => subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["sign"]),
  ),
  "an HKDF key that is to leave": refusal(
    "SyntaxError",
    (subtle) => subtle.importKey("raw", data, "HKDF", true, ["deriveBits"]),
  ),
  "a private key for the other side's, before the usages of what is derived": refusal(
    "InvalidAccessError",
    async (subtle, { ecdh }) => {
      const { privateKey } = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveKey"]);
      const agree = { name: "ECDH", public: ecdh.privateKey };
      return subtle.deriveKey(agree, privateKey, { name: "AES-CBC", length: 256 }, true, ["sign"]);
    },
  ),
  "another algorithm's usage of what is derived": refusal("SyntaxError", async (subtle, { ecdh }) => {
    const { privateKey } = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveKey"]);
    const agree = { name: "ECDH", public: ecdh.publicKey };
    return subtle.deriveKey(agree, privateKey, { name: "AES-CBC", length: 256 }, true, ["sign"]);
  }),
  "bits of HKDF that are no bytes": refusal("OperationError", async (subtle) => {
    const key = await subtle.importKey("raw", data, "HKDF", false, ["deriveBits"]);
    return subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: data, info: data }, key, 7);
  }),
  "more than HKDF makes": refusal("OperationError", async (subtle) => {
    const key = await subtle.importKey("raw", data, "HKDF", false, ["deriveBits"]);
    return subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: data, info: data }, key, 256 * 256);
  }),
  "PBKDF2 without iterations": refusal("OperationError", async (subtle) => {
    const key = await subtle.importKey("raw", data, "PBKDF2", false, ["deriveBits"]);
    return subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: data, iterations: 0 }, key, 8);
  }),
  "an HKDF key in JSON": refusal(
    "NotSupportedError",
    (subtle) => subtle.importKey("jwk", hmacJwk, "HKDF", false, ["deriveBits"]),
  ),
  "a signature of a wrong length": refusal(
    "false",
    (subtle, { ecdsa }) => subtle.verify(sha256, ecdsa.publicKey, data, data),
  ),
  "an empty signature": refusal(
    "false",
    (subtle, { rsa }) => subtle.verify({ name: "RSA-PSS", saltLength: 8 }, rsa.publicKey, new Uint8Array(0), data),
  ),
  "an Ed25519 signature of zeros": refusal(
    "false",
    (subtle, { ed }) => subtle.verify("Ed25519", ed.publicKey, new Uint8Array(64), data),
  ),
  "an Ed25519 signature whose point has small order, as its key": refusal(
    "false",
    (subtle) => verifyUnder(subtle, "Ed25519", neutral(32), joined(neutral(32), new Uint8Array(32))),
  ),
  "an Ed25519 signature that fits any data, under a key of small order": refusal(
    "false",
    (subtle) => verifyUnder(subtle, "Ed25519", neutral(32), anythingSigned()),
  ),
  "a MAC of a wrong length": refusal("false", (subtle, { hmac }) => subtle.verify("HMAC", hmac, data, data)),
};

async function keysOf(subtle: Untyped): Promise<Keys> {
  const derive = ["deriveBits"];
  return {
    ecdsa: await subtle.generateKey(p256, true, ["sign", "verify"]),
    ecdh: await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, derive),
    rsa: await subtle.generateKey(rsa, true, ["sign", "verify"]),
    oaep: await subtle.generateKey({ ...rsa, name: "RSA-OAEP", hash: "SHA-1" }, true, ["encrypt", "decrypt"]),
    ed: await subtle.generateKey("Ed25519", true, ["sign", "verify"]),
    x: await subtle.generateKey("X25519", true, derive),
    cbc: await subtle.generateKey({ name: "AES-CBC", length: 128 }, true, ["encrypt", "decrypt"]),
    gcm: await subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]),
    kw: await subtle.generateKey({ name: "AES-KW", length: 128 }, true, ["wrapKey", "unwrapKey"]),
    hmac: await subtle.generateKey(hmac, true, ["sign", "verify"]),
    hidden: await subtle.generateKey(hmac, false, ["sign"]),
  };
}

async function outcome({ run }: Refusal, subtle: Untyped, keys: Keys): Promise<string> {
  try {
    return String(await run(subtle, keys));
  } catch (error) {
    return (error as Error).name;
  }
}

describe("refusals of subtle", { skip: softhsmSkip }, () => {
  let token: TokenSession;
  let crypto: TokenCrypto;
  let own: Keys;
  let native: Keys;

  before(async () => {
    token = await TokenSession.open();
    crypto = await tokenCrypto(token.slot, { pin: token.token.userPin });
    own = await keysOf(crypto.subtle);
    native = await keysOf(globalThis.crypto.subtle);
  });
  after(async () => {
    await crypto.close();
    await token.close();
  });

  it("have the names of the specification", async () => {
    const names: [string, string][] = [];
    for (const [what, each] of Object.entries(cases)) names.push([what, await outcome(each, crypto.subtle, own)]);
    assertEquals(names, Object.entries(cases).map(([what, { name }]) => [what, name]));
  });

  it("are mostly the runtime's own", async () => {
    const departures: string[] = [];
    for (const [what, each] of Object.entries(cases)) {
      const name = await outcome(each, globalThis.crypto.subtle, native);
      if (name !== each.name) departures.push(`${what}: ${name}, not ${each.name}`);
    }
    // Runtimes depart from the specification here and there, Deno 2.9 in six cases of these, Node 26 in three.
    assert(departures.length < Object.keys(cases).length / 5, departures.join("\n"));
  });
});
