// Every mechanism of a token with keys of every type, by every function: a program of its own, as a module may die of it.
import { writeSync } from "node:fs";
import process from "node:process";
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import { Module } from "../../session/tokens/module.ts";
import { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";

/** Writes a line at once, as the process may die at the next call; a pipe that is full is waited for. */
function say(line: string): void {
  for (let rest = new TextEncoder().encode(line); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
    }
  }
}

const [path, pin, first = "0"] = process.argv.slice(2) as [string, string, string?];
const module = await Module.load(path, { managed: false });
const slot = (await module.slots({ tokenPresent: true }))[0]!;
const session = await slot.openSession({ readWrite: true, login: { pin } });

const token = false;
const may = { encrypt: true, decrypt: true, sign: true, verify: true, wrap: true, unwrap: true, derive: true, token };
const publicMay = { encrypt: true, verify: true, verifyRecover: true, wrap: true, derive: true, token };
const privateMay = { decrypt: true, sign: true, signRecover: true, unwrap: true, derive: true, token };

/** A key, or null where the token cannot make one of its kind. */
function tried<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}
const secret = (mechanism: number, valueLen?: number) =>
  tried(() => session.generateKeySync(mechanism, { ...may, ...(valueLen && { valueLen }) }));
const pair = (mechanism: number, attributes: object) =>
  tried(() => session.generateKeyPairSync(mechanism, { ...publicMay, ...attributes }, privateMay));
const number = (length: number) => new Uint8Array(length).fill(0x5b);
const dsa = { class: CKO.PUBLIC_KEY, keyType: CKK.DSA, prime: number(128), subprime: number(20), base: number(128) };
const rsaPair = pair(CKM.RSA_PKCS_KEY_PAIR_GEN, { modulusBits: 1024, publicExponent: Uint8Array.of(1, 0, 1) });
const ecPair = pair(CKM.EC_KEY_PAIR_GEN, { ecParams: Uint8Array.of(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7) });
const edPair = pair(CKM.EC_EDWARDS_KEY_PAIR_GEN, {
  ecParams: Uint8Array.of(0x13, 12, ...new TextEncoder().encode("edwards25519")),
});
const keys: Record<string, Pkcs11Object | null> = {
  AES: secret(CKM.AES_KEY_GEN, 32),
  "generic secret": secret(CKM.GENERIC_SECRET_KEY_GEN, 32),
  DES3: secret(CKM.DES3_KEY_GEN),
  "RSA public": rsaPair && rsaPair.publicKey,
  "RSA private": rsaPair && rsaPair.privateKey,
  "EC public": ecPair && ecPair.publicKey,
  "EC private": ecPair && ecPair.privateKey,
  "Edwards public": edPair && edPair.publicKey,
  "Edwards private": edPair && edPair.privateKey,
  "DSA public": tried(() => session.createObjectSync({ ...dsa, ...publicMay, value: number(128) })),
  "DSA private": tried(() =>
    session.createObjectSync({ ...dsa, class: CKO.PRIVATE_KEY, ...privateMay, value: number(20) })
  ),
  data: session.createObjectSync({ class: CKO.DATA, token, value: number(8) }),
  nothing: new Pkcs11Object(session, 0x7fff_fff0n),
};

type Call = (session: Session, key: Pkcs11Object, mechanism: { type: number; parameter: Uint8Array | null }) => unknown;
const data = number(64);
const signature = number(64);
const calls: Record<string, Call> = {
  encrypt: (s, key, mechanism) => s.encryptSync(key, mechanism, data),
  decrypt: (s, key, mechanism) => s.decryptSync(key, mechanism, data),
  sign: (s, key, mechanism) => s.signSync(key, mechanism, data),
  "sign little": (s, key, mechanism) => s.signSync(key, mechanism, data.subarray(0, 3)),
  "sign many": (s, key, mechanism) => s.signManySync(key, mechanism, [data, data]),
  verify: (s, key, mechanism) => s.verifySync(key, mechanism, data, signature),
  "verify many": (s, key, mechanism) => s.verifyManySync(key, mechanism, [data], [signature]),
  signRecover: (s, key, mechanism) => s.signRecoverSync(key, mechanism, data),
  verifyRecover: (s, key, mechanism) => s.verifyRecoverSync(key, mechanism, data),
  "sign parts": (s, key, mechanism) => {
    using parts = s.signerSync(key, mechanism);
    parts.update(data);
    return parts.final();
  },
  "verify parts": (s, key, mechanism) => {
    using parts = s.verifierSync(key, mechanism);
    parts.update(data);
    return parts.final(signature);
  },
  "encrypt parts": (s, key, mechanism) => {
    using parts = s.encryptorSync(key, mechanism);
    return [parts.update(data), parts.final()];
  },
  "decrypt parts": (s, key, mechanism) => {
    using parts = s.decryptorSync(key, mechanism);
    return [parts.update(data), parts.final()];
  },
  wrap: (s, key, mechanism) => s.wrapKeySync(key, mechanism, keys["AES"]!),
  unwrap: (s, key, mechanism) =>
    s.unwrapKeySync(key, mechanism, data, { class: CKO.SECRET_KEY, keyType: CKK.AES, token }),
  derive: (s, key, mechanism) =>
    s.deriveKeySync(key, mechanism, { class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, valueLen: 16, token }),
};

const mechanisms = await slot.mechanisms();
let index = 0;
let refused = 0;
for (const mechanism of mechanisms) {
  for (const [kind, key] of Object.entries(keys)) {
    if (!key) continue;
    for (const [name, call] of Object.entries(calls)) {
      for (const parameter of [null, number(16)]) {
        if (index++ < Number(first)) continue;
        say(`${index - 1} 0x${mechanism.toString(16)} ${kind} ${name} ${parameter ? "parameter" : ""}\n`);
        try {
          call(session, key, { type: mechanism, parameter });
        } catch (error) {
          if (!(error instanceof Error) || !("ckr" in error)) throw error;
          refused++;
        }
      }
    }
  }
}
if ((await session.generateRandom(4)).length !== 4) throw new Error("The session is of no use any more");
await module.close();
const missing = Object.entries(keys).flatMap(([kind, key]) => key ? [] : kind);
say(`done ${index} refused ${refused} missing ${missing.join()}\n`);
