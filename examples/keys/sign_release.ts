// deno-lint-ignore-file no-console
/**
 * Signs a release with a key that never leaves its token; OpenSSL verifies it.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/keys/sign_release.ts
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { CKM, ecdsaSignatureToDer, Module } from "@gp11/gp11";

await using module = await Module.load(process.env.PKCS11_MODULE!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });

const { publicKey, privateKey } = await session.generateKeyPair(
  CKM.EC_KEY_PAIR_GEN,
  { namedCurve: "P-256", token: true, label: "release", verify: true },
  { token: true, label: "release", sensitive: true, extractable: false, sign: true },
);

const release = new TextEncoder().encode("release 1.0");
const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", release));
const signature = ecdsaSignatureToDer(await session.sign(privateKey, CKM.ECDSA, digest));

const folder = mkdtempSync(`${tmpdir()}/release-`);
writeFileSync(`${folder}/release`, release);
writeFileSync(`${folder}/release.sig`, signature);
writeFileSync(`${folder}/release.pem`, await publicKey.publicKey("pem"));
const check = ["dgst", "-sha256", "-verify", "release.pem", "-signature", "release.sig", "release"];
console.log(execFileSync("openssl", check, { cwd: folder }).toString().trim());
