// Private keys that come in or go out, and what opens them: once the caller's bytes are overwritten no copy is left in
// the memory of the process.
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Pkcs11Error } from "../../../session/errors.ts";
import { readDer } from "../../../session/keys/forms/asn1.ts";
import { readPkcs8 } from "../../../session/keys/forms/read_der.ts";
import { writePkcs8 } from "../../../session/keys/forms/write_der.ts";
import { collectGarbage } from "../../_support/garbage.ts";
import { memorySkip, SecretInMemory } from "../../_support/secret_in_memory.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import { TokenSession } from "../../_support/token_session.ts";

const skip = softhsmSkip || memorySkip;
const timeout = 120_000;
const exportable = { sensitive: false, extractable: true };

/** A file's bytes in memory of their own, of which the runtime keeps no copy. */
function bytesOf(path: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(statSync(path).size));
  const file = openSync(path, "r");
  for (let at = 0; at < bytes.length;) at += readSync(file, bytes, at, bytes.length - at, at);
  closeSync(file);
  return bytes;
}

/** A part of the private exponent of an RSA key in PKCS#8: it follows n and e, which is 65537. */
function exponentOf(der: Uint8Array<ArrayBuffer>): SecretInMemory {
  const e = der.findIndex((_, at) => [2, 3, 1, 0, 1].every((byte, index) => der[at + index] === byte));
  return SecretInMemory.of(der.subarray(e + 10, e + 210));
}

/** PKCS#8 of a secret: what stands in front of it, in hexadecimal. */
function pkcs8(header: string, secret: SecretInMemory): Uint8Array<ArrayBuffer> {
  const start = header.length / 2;
  const der = new Uint8Array(new ArrayBuffer(start + secret.inverted.length));
  der.setFromHex(header);
  for (let at = 0; at < secret.inverted.length; at++) der[start + at] = secret.inverted[at]! ^ 0xff;
  return der;
}

/** P-256, Ed25519 and X25519. */
const curves = [
  "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420",
  "302e020100300506032b657004220420",
  "302e020100300506032b656e04220420",
];
/** ML-DSA-44. */
const seed = "3034020100300b060960864801650304031104228020";

describe("private keys in memory", () => {
  let on: TokenSession;
  let plainPath: string;
  let lockedPath: string;
  before(async () => {
    if (skip) return;
    on = await TokenSession.open();
    const folder = temporaryFolder("secret-keys");
    plainPath = join(folder, "key.der");
    lockedPath = join(folder, "locked.der");
    const plain = ["-outform", "DER", "-out", plainPath, "-pkeyopt", "rsa_keygen_bits:2048"];
    execFileSync("openssl", ["genpkey", "-algorithm", "RSA", ...plain], { stdio: "ignore" });
    const locked = ["-inform", "DER", "-in", plainPath, "-outform", "DER", "-out", lockedPath];
    execFileSync("openssl", ["pkcs8", "-topk8", ...locked, "-passout", "pass:open sesame", "-iter", "1000"]);
  });
  after(() => on?.close());

  it("importing leaves none, whether the token takes the key or not", { skip, timeout }, async () => {
    const der = bytesOf(plainPath);
    const secret = exponentOf(der);
    const { session } = on;
    (await session.importKey(der)).destroySync();
    session.importKeySync(der).destroySync();
    const pair = await session.importKeyPair(der);
    pair.publicKey.destroySync();
    pair.privateKey.destroySync();
    await assertRejects(() => session.importKey(der, { modulusBits: 5 }), Pkcs11Error);
    assertThrows(() => session.importKeySync(der, { modulusBits: 5 }), Pkcs11Error);
    await assertRejects(() => session.importKey(der.subarray(0, der.length - 1)), TypeError);
    await assertRejects(() => session.importKey(der, {}, { signal: AbortSignal.abort() }));
    const controller = new AbortController();
    const late = assertRejects(() => session.importKey(der, {}, { signal: controller.signal }));
    await Promise.resolve();
    controller.abort();
    await late;
    await session.idle();
    der.fill(0);
    assertEquals(secret.occurrences(), 0);
  });

  it("exporting leaves nothing but what it gives", { skip, timeout }, async () => {
    const der = bytesOf(plainPath);
    const secret = exponentOf(der);
    const key = await on.session.importKey(der, exportable);
    der.fill(0);
    for (const exported of [await key.exportKey("pkcs8"), key.exportKeySync("pkcs8")]) exported.fill(0);
    key.getSync(["privateExponent"]).privateExponent!.fill(0);
    (await key.get(["privateExponent"])).privateExponent!.fill(0);
    // Its public half is told by its own numbers.
    await key.publicKey("spki");
    assertThrows(() => key.exportKeySync("raw"), TypeError);
    const late = new AbortController();
    const aborted = assertRejects(() => key.exportKey("pkcs8", { signal: late.signal }));
    late.abort();
    await aborted;
    await on.session.idle();
    assertEquals(secret.occurrences(), 0);
    key.destroySync();
  });

  it("an encrypted key leaves neither itself nor what opens it", { skip, timeout }, async () => {
    const der = bytesOf(plainPath);
    const secret = exponentOf(der);
    der.fill(0);
    const passphrase = new TextEncoder().encode("open sesame");
    const locked = bytesOf(lockedPath);
    (await on.session.importKey(locked, {}, { passphrase })).destroySync();
    on.session.importKeySync(locked, {}, { passphrase }).destroySync();
    const wrong = new SecretInMemory(100);
    const given = wrong.bytes();
    await assertRejects(() => on.session.importKey(locked, {}, { passphrase: given }), TypeError, "passphrase");
    assertThrows(() => on.session.importKeySync(locked, {}, { passphrase: given }), TypeError, "passphrase");
    given.fill(0);
    assertEquals(secret.occurrences(), 0);
    // The runtime overwrites its own copy when the job that made the key goes, a few turns after its answer.
    for (let turn = 0; turn < 200 && wrong.occurrences() > 0; turn++) {
      collectGarbage?.();
      await setTimeout(20);
    }
    assertEquals(wrong.occurrences(), 0);
  });

  it("short keys and seeds, which a runtime would move about, leave none", { skip, timeout }, async () => {
    const secret = new SecretInMemory(32);
    for (const header of curves) {
      const der = pkcs8(header, secret);
      (await on.session.importKey(der)).destroySync();
      const key = on.session.importKeySync(der, exportable);
      der.fill(0);
      for (const format of ["pkcs8", "raw"] as const) {
        (await key.exportKey(format)).fill(0);
        key.exportKeySync(format).fill(0);
      }
      key.getSync(["value"]).value!.fill(0);
      await key.publicKey("spki");
      key.destroySync();
    }
    // Seeds are expanded by a library: what is ours is to read and to write them.
    const der = pkcs8(seed, secret);
    writePkcs8(readPkcs8(readDer(der, "the key"), "the key")).fill(0);
    der.fill(0);
    assertEquals(secret.occurrences(), 0);
  });
});
