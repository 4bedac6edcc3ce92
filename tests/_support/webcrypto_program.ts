// Web Cryptography on softokn of a later NSS, whose path and database are the arguments: the modern algorithms, and those
// that other tokens do not have. Prints one line of JSON for each check: its name, and what was wrong.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { ml_kem1024, ml_kem512, ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { Buffer } from "node:buffer";
import { hkdfSync, pbkdf2Sync } from "node:crypto";
import process from "node:process";
import { CKM, CKO } from "../../ffi/constants/mod.ts";
import { Module } from "../../session/tokens/module.ts";
import { tokenCrypto } from "../../webcrypto/mod.ts";
import { setFirstPin } from "./softokn.ts";

const [path, reserved] = process.argv.slice(2);
const message = new TextEncoder().encode("release 2027");

async function check(name: string, run: () => Promise<void>): Promise<void> {
  let problem: string | null = null;
  try {
    await run();
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause;
    problem = `${error instanceof Error ? error.stack ?? error.message : String(error)} ${cause ?? ""}`;
  }
  process.stdout.write(`${JSON.stringify({ name, problem })}\n`);
}

function bytes(buffer: ArrayBuffer): Uint8Array {
  return new Uint8Array(buffer);
}

await using module = await Module.load(path!, { managed: false, reserved: reserved! });
const slot = (await module.slots({ tokenPresent: true })).find(({ id }) => id === 2n)!;
await setFirstPin(slot);
await using crypto = await tokenCrypto(slot, { pin: "1234", readWrite: true });
const { subtle } = crypto;
// Names of the modern algorithms, which the types of a program may not know.
// deno-lint-ignore no-explicit-any
const untyped: any = subtle;

for (const [name, library] of Object.entries({ "ML-DSA-44": ml_dsa44, "ML-DSA-65": ml_dsa65, "ML-DSA-87": ml_dsa87 })) {
  await check(`${name} signs what a library verifies, and takes its keys in every form`, async () => {
    const pair = await untyped.generateKey(name, true, ["sign", "verify"]);
    const half = bytes(await subtle.exportKey("raw-public", pair.publicKey));
    for (const algorithm of [name, { name, context: Uint8Array.of(1, 2) }]) {
      const signature = await subtle.sign(algorithm, pair.privateKey, message);
      const options = typeof algorithm === "string" ? {} : { context: algorithm.context };
      assert(library.verify(bytes(signature), message, half, options));
      assert(await subtle.verify(algorithm, pair.publicKey, signature, message));
      assertEquals(await subtle.verify(algorithm, pair.publicKey, signature.slice(1), message), false);
    }
    const seed = globalThis.crypto.getRandomValues(new Uint8Array(32));
    const made = library.keygen(seed);
    const taken = await subtle.importKey("raw-seed", seed, name, true, ["sign"]);
    assert(library.verify(bytes(await subtle.sign(name, taken, message)), message, made.publicKey));
    assertEquals(bytes(await subtle.exportKey("raw-seed", taken)), seed);
    const jwk = await subtle.exportKey("jwk", taken);
    assertEquals([jwk.kty, jwk.alg, jwk.key_ops], ["AKP", name, ["sign"]]);
    for (const form of ["pkcs8", "jwk"] as const) {
      const again = await untyped.importKey(form, await subtle.exportKey(form as "jwk", taken), name, false, ["sign"]);
      assert(library.verify(bytes(await subtle.sign(name, again, message)), message, made.publicKey), form);
    }
    const verifier = await subtle.getPublicKey(taken, ["verify"]);
    assertEquals(bytes(await subtle.exportKey("raw-public", verifier)), bytes(new Uint8Array(made.publicKey).buffer));
  });
}

for (
  const [name, library] of Object.entries({
    "ML-KEM-512": ml_kem512,
    "ML-KEM-768": ml_kem768,
    "ML-KEM-1024": ml_kem1024,
  })
) {
  await check(`${name} agrees with a library on secrets, as bytes and as keys`, async () => {
    const seed = globalThis.crypto.getRandomValues(new Uint8Array(64));
    const { publicKey, secretKey } = library.keygen(seed);
    const uses = ["encapsulateKey", "encapsulateBits"] as const;
    const theirs = await subtle.importKey("raw-public", new Uint8Array(publicKey), name, true, uses);
    const bits = await subtle.encapsulateBits(name, theirs);
    assertEquals(bytes(bits.sharedKey), new Uint8Array(library.decapsulate(bytes(bits.ciphertext), secretKey)));
    const aes = { name: "AES-GCM", length: 256 };
    const made = await subtle.encapsulateKey(name, theirs, aes, true, ["encrypt"]);
    const shared = library.decapsulate(bytes(made.ciphertext), secretKey);
    assertEquals(bytes(await subtle.exportKey("raw-secret", made.sharedKey)), new Uint8Array(shared));
    const own = await subtle.importKey("raw-seed", seed, name, false, ["decapsulateBits", "decapsulateKey"]);
    assertEquals(await subtle.decapsulateBits(name, own, bits.ciphertext), bits.sharedKey);
    const key = await subtle.decapsulateKey(name, own, made.ciphertext, "HKDF", false, ["deriveBits"]);
    assertEquals([key.type, key.algorithm.name, key.usages], ["secret", "HKDF", ["deriveBits"]]);
    const short = await assertRejects(() => subtle.decapsulateBits(name, own, new Uint8Array(5)), DOMException);
    assertEquals(short.name, "OperationError");
  });
}

await check("ChaCha20-Poly1305 gives RFC 8439's example (§2.8.2)", async () => {
  const name = "ChaCha20-Poly1305";
  const raw = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);
  const key = await subtle.importKey("raw-secret", raw, name, true, ["encrypt", "decrypt"]);
  const algorithm = {
    name,
    iv: Uint8Array.of(7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47),
    additionalData: Uint8Array.of(0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7),
  };
  const text = new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const encrypted = bytes(await subtle.encrypt(algorithm, key, text));
  assertEquals([...encrypted.subarray(-16)], [...Buffer.from("1ae10b594f09e26a7e902ecbd0600691", "hex")]);
  assertEquals(bytes(await subtle.decrypt(algorithm, key, encrypted.slice())), text);
  encrypted[0]! ^= 1;
  const error = await assertRejects(() => subtle.decrypt(algorithm, key, encrypted.slice()), DOMException);
  assertEquals(error.name, "OperationError");
  const made = await untyped.generateKey(name, true, ["encrypt"]);
  assertEquals([made.algorithm, (await subtle.exportKey("jwk", made)).alg], [{ name }, "C20P"]);
});

await check(
  "Ed25519 signs what the runtime verifies, alone and many at once, though softokn takes room for 64 bytes alone",
  async () => {
    const pair = await untyped.generateKey("Ed25519", false, ["sign", "verify"]);
    const outside = await globalThis.crypto.subtle.importKey(
      "raw",
      await subtle.exportKey("raw", pair.publicKey),
      "Ed25519",
      false,
      ["verify"],
    );
    const verified = (signature: BufferSource) =>
      globalThis.crypto.subtle.verify("Ed25519", outside, signature, message);
    assert(await verified(await subtle.sign("Ed25519", pair.privateKey, message)));
    await using session = await slot.openSession();
    const [key] = await session.findObjects({
      id: (await pair.privateKey.object.get(["id"])).id,
      class: CKO.PRIVATE_KEY,
    });
    for (const signature of await session.signMany(key!, CKM.EDDSA, [message, message, message])) {
      assert(await verified(signature));
    }
    assert(await verified(session.signSync(key!, CKM.EDDSA, message)));
    const into = new Uint8Array(100);
    assertEquals(session.signSync(key!, CKM.EDDSA, message, { into }), 64);
    assert(await verified(into.subarray(0, 64)));
  },
);

await check("a pair that only signs is made, which softokn tries, and its public half has no usage", async () => {
  for (const algorithm of [{ name: "ECDSA", namedCurve: "P-256" }, { name: "Ed25519" }]) {
    const pair = await untyped.generateKey(algorithm, false, ["sign"]);
    assertEquals([pair.publicKey.usages, pair.privateKey.usages], [[], ["sign"]]);
    const signed = { hash: "SHA-256", ...algorithm };
    const signature = await untyped.sign(signed, pair.privateKey, message);
    const error = await assertRejects(() => untyped.verify(signed, pair.publicKey, signature, message), DOMException);
    assertEquals(error.name, "InvalidAccessError");
  }
});

await check("curves that the token does not know are not supported", async () => {
  for (const [name, use] of [["Ed448", "sign"], ["X448", "deriveBits"]]) {
    const error = await assertRejects(() => untyped.generateKey(name, true, [use]), DOMException);
    assertEquals(error.name, "NotSupportedError");
  }
});

await check("HKDF and PBKDF2 are the runtime's", async () => {
  const secret = new Uint8Array(32).fill(5);
  const salt = new Uint8Array(16).fill(6);
  const key = await subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  assertEquals(await key.object.get(["sensitive", "extractable"]), { sensitive: true, extractable: false });
  for (const [used, info] of [[salt, message], [new Uint8Array(0), new Uint8Array(0)]] as const) {
    const algorithm = { name: "HKDF", hash: "SHA-256", salt: used, info };
    assertEquals(await subtle.deriveBits(algorithm, key, 336), hkdfSync("sha256", secret, used, info, 42));
  }
  const password = await subtle.importKey("raw", message, "PBKDF2", false, ["deriveBits"]);
  const derived = await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt, iterations: 100 }, password, 128);
  assertEquals(bytes(derived), new Uint8Array(pbkdf2Sync(message, salt, 100, 16, "sha512")));
});

await check("the classic algorithms work on it, too", async () => {
  const native = globalThis.crypto.subtle;
  for (const hash of ["SHA-1", "SHA-256"]) {
    const algorithm = { name: "RSA-OAEP", modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1), hash };
    const pair = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"]);
    const encrypted = await subtle.encrypt({ name: "RSA-OAEP" }, pair.publicKey, message);
    assertEquals(bytes(await subtle.decrypt({ name: "RSA-OAEP" }, pair.privateKey, encrypted)), message);
  }
  for (const [key, sign] of [["P-256", "SHA-256"], ["P-384", "SHA-384"], ["P-521", "SHA-512"]] as const) {
    const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: key }, true, ["sign", "verify"]);
    const signature = await subtle.sign({ name: "ECDSA", hash: sign }, pair.privateKey, message);
    assert(await subtle.verify({ name: "ECDSA", hash: sign }, pair.publicKey, signature, message), key);
    assertEquals(
      await subtle.verify({ name: "ECDSA", hash: sign }, pair.publicKey, signature.slice(2), message),
      false,
    );
  }
  const hmac = await subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"]);
  const mac = await subtle.sign("HMAC", hmac, message);
  assertEquals([await subtle.verify("HMAC", hmac, mac, message), await subtle.verify("HMAC", hmac, mac, mac)], [
    true,
    false,
  ]);
  const kek = await subtle.generateKey({ name: "AES-KW", length: 256 }, true, ["wrapKey", "unwrapKey"]);
  const wrapped = await subtle.wrapKey("raw", hmac, kek, "AES-KW");
  const outside = await native.importKey("raw", await subtle.exportKey("raw", kek), "AES-KW", true, ["unwrapKey"]);
  const back = await native.unwrapKey("raw", wrapped, outside, "AES-KW", { name: "HMAC", hash: "SHA-256" }, true, [
    "sign",
  ]);
  assertEquals(await native.exportKey("raw", back), await subtle.exportKey("raw", hmac));
  await subtle.unwrapKey("raw", wrapped, kek, "AES-KW", { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
  for (
    const cipher of [
      { name: "AES-CBC", iv: new Uint8Array(16) },
      { name: "AES-CTR", counter: new Uint8Array(16).fill(255), length: 64 },
      { name: "AES-GCM", iv: new Uint8Array(12), additionalData: message, tagLength: 96 },
    ]
  ) {
    const key = await subtle.generateKey({ name: cipher.name, length: 128 }, true, ["encrypt", "decrypt"]);
    const theirs = await native.importKey("raw", await subtle.exportKey("raw", key), cipher.name, true, ["encrypt"]);
    for (const data of [message, new Uint8Array(0), new Uint8Array(100)]) {
      const encrypted = await subtle.encrypt(cipher, key, data);
      assertEquals(encrypted, await native.encrypt(cipher, theirs, data), `${cipher.name} ${data.length}`);
      assertEquals(bytes(await subtle.decrypt(cipher, key, encrypted)), data, `${cipher.name} ${data.length}`);
    }
  }
  const x = await subtle.generateKey("X25519", true, ["deriveBits"]);
  const other = await native.generateKey("X25519", true, ["deriveBits"]) as CryptoKeyPair;
  const half = await native.importKey("raw", await subtle.exportKey("raw", x.publicKey), "X25519", true, []);
  assertEquals(
    await subtle.deriveBits({ name: "X25519", public: other.publicKey }, x.privateKey, 256),
    await native.deriveBits({ name: "X25519", public: half }, other.privateKey, 256),
  );
  assertEquals((await subtle.digest("SHA-256", message)).byteLength, 32);
});

await check("says what it can do", () => {
  const answers: [string, boolean][] = [
    ["ML-DSA-65", subtle.supports("sign", "ML-DSA-65")],
    ["ML-KEM-768", subtle.supports("encapsulateKey", "ML-KEM-768", { name: "AES-GCM", length: 256 })],
    ["AES-OCB", subtle.supports("encrypt", { name: "AES-OCB", iv: new Uint8Array(8) })],
    ["HKDF", subtle.supports("deriveBits", { name: "HKDF", hash: "SHA-256", salt: message, info: message }, 256)],
    ["SLH-DSA", subtle.supports("sign", "SLH-DSA-SHA2-128s")],
  ];
  assertEquals(answers, [["ML-DSA-65", true], ["ML-KEM-768", true], ["AES-OCB", false], ["HKDF", true], [
    "SLH-DSA",
    false,
  ]]);
  return Promise.resolve();
});
