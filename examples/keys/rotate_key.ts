// deno-lint-ignore-file no-console
/**
 * Exchanges a key for a new one: signatures go on, and what the old key signed can still be verified.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/keys/rotate_key.ts
 */
import process from "node:process";
import { CKM, CKO, Module, ObjectNotFoundError } from "@gp11/gp11";

await using module = await Module.load(process.env.PKCS11_MODULE!);
const slot = await module.findSlot("keys");
await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });

const make = (year: string) =>
  session.generateKeyPair(
    CKM.EC_KEY_PAIR_GEN,
    { namedCurve: "P-256", token: true, label: "service", id: year, verify: true },
    { token: true, label: "service", id: year, sign: true },
  );
await make("2026");

// The new pair is there before the old private key goes; the old public key stays, to verify what it signed.
await make("2027");
const old = await session.findObject({ class: CKO.PRIVATE_KEY, label: "service", id: "2026" });
await old.destroy();

const left = await session.findObjects({ label: "service" }, { read: ["class", "id"] });
console.log(left.length);
try {
  await session.findObject({ class: CKO.PRIVATE_KEY, id: "2026" });
} catch (error) {
  console.log(error instanceof ObjectNotFoundError);
}
