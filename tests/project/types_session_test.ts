// What TypeScript makes of programs that use sessions, and of mistakes in them: session/mod.ts and ffi/constants/mod.ts.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { type TypeProgram, TypePrograms, typeSettings } from "../_support/type_programs.ts";

const setting = `
import { Attributes, type AttributesInit, type BytesInput, CK, CKA, CKF, CKK, CKM, CKO, CKS, CKU, type DataInput, type FunctionName, type Mechanism, type UserType,
  type MechanismInfo, Module, Pkcs11Error, type Pkcs11Object, Pkcs11Uri, registerPinSource, type Session,
  type SessionInfo, type Slot, type TokenInfo } from "@gp11/gp11/session";
declare const module: Module, slot: Slot, session: Session, key: Pkcs11Object, pin: string, data: Uint8Array, n: number;
declare const info: TokenInfo, mechanism: MechanismInfo, state: SessionInfo, names: string[];
export { Attributes, CK, CKA, CKF, CKK, CKM, CKO, CKS, CKU, Module, Pkcs11Error, Pkcs11Uri, registerPinSource };
export type { AttributesInit, BytesInput, DataInput, FunctionName, Mechanism, UserType };
export { data, info, key, mechanism, module, n, names, pin, session, slot, state };
`;

const programs: Readonly<Record<string, TypeProgram>> = {
  "numbers of infos and attributes": {
    setting,
    right: [
      "return (info.flags & CKF.LOGIN_REQUIRED) !== 0;",
      "return info.maxPinLen! - 1;",
      "return Math.max(256, mechanism.minKeySize, mechanism.maxKeySize) + mechanism.flags;",
      "const { modulusBits, keyType } = await key.get(['modulusBits', 'keyType']); return [modulusBits! / 8, names[keyType!]];",
      "const { allowedMechanisms } = await key.get(['allowedMechanisms']); const all: number[] = allowedMechanisms!; return all;",
      "const is: CKS = state.state; return is === CKS.RW_USER_FUNCTIONS;",
      "const count: number | undefined = info.sessionCount; return count;",
    ],
    wrong: ["const size: bigint = info.flags; return size;"],
  },
  "templates": {
    setting,
    right: [
      "const read = await key.getAttributes(['label', 'id']); return await session.findObjects(read);",
      "const { wrapTemplate } = await key.get(['wrapTemplate']); await key.set({ wrapTemplate });",
      "const template: AttributesInit = { class: CKO.PRIVATE_KEY, label: 'a', valueLen: 32n }; return template.label;",
      "await session.createObject({ class: CKO.DATA, value: data, id: 'text' });",
    ],
    wrong: [
      "await session.findObjects(new Map());",
      "await session.findObjects({ lable: 'a' });",
      "await session.findObjects({ label: 5 });",
    ],
  },
  "constants of families": {
    setting,
    right: [
      "return await session.sign(key, CKM.ECDSA, data);",
      "return await session.sign(key, n, data);",
      "return await session.sign(key, 0x1041, { }.toString().length > 0 ? new Uint8Array(1) : data);",
      "return await session.sign(key, { type: CKM.RSA_PKCS_PSS, parameter: data }, data);",
      "return await session.findObjects({ class: CKO.PRIVATE_KEY, keyType: CKK.EC });",
      "return await session.findObjects({ class: n, keyType: 3n, allowedMechanisms: [CKM.ECDSA, 5] });",
      "await session.login(CKU.USER, pin); await session.login(1, pin); await session.login(n, pin);",
      "const user: UserType = CKU.SO; return user;",
      "const names = new Map([[CKM.ECDSA, 'a'], [CKM.RSA_PKCS, 'b']]); return names.get(n);",
      "return [CKM.ECDSA, CKM.RSA_PKCS].includes(n);",
      "const mechanism: Mechanism = CKM.SHA256; return mechanism;",
    ],
    wrong: [
      "return await session.sign(key, CKK.EC, data);",
      "return await session.sign(key, { type: CKK.EC }, data);",
      "return await session.findObjects({ class: CKK.EC });",
      "return await session.findObjects({ keyType: CKM.EC_KEY_PAIR_GEN });",
      "await session.login(CKM.ECDSA, pin);",
      "return await key.get([CKM.ECDSA]);",
      "return await slot.mechanismInfo(CKO.PRIVATE_KEY);",
    ],
  },
  "names of errors and functions": {
    setting,
    right: [
      "const error = new Pkcs11Error(0xa0, 'C_Login'); return error.ckr === 'CKR_PIN_INCORRECT' && error.fn === 'C_Login';",
      "const error = new Pkcs11Error(0x80000001, 'C_Login'); return error.ckr === 'CKR_0x80000001';",
      "const functions: readonly FunctionName[] = module.functions(); return functions;",
    ],
    wrong: [
      "const error = new Pkcs11Error(0xa0, 'C_Login'); return error.ckr === 'CKR_PIN_INCORECT';",
      "const error = new Pkcs11Error(0xa0, 'C_Login'); return error.fn === 'C_Logn';",
    ],
  },
  "attributes by number": {
    setting,
    right: [
      "const label: string | undefined = (await key.get([CKA.LABEL]))[CKA.LABEL]; return label;",
      "const bits: number | bigint | undefined = (await key.get([CKA.MODULUS_BITS]))[CKA.MODULUS_BITS]; return bits;",
      "const id: Uint8Array | undefined = (await key.getAttributes([CKA.ID])).get(CKA.ID); return id;",
      "return (await key.getAttributes([n, 0x80000001])).get(n);",
      "return await session.findObjects({ [CKA.LABEL]: data, [CKA.ID]: 'text', [CKA.TOKEN]: true, [0x80000001]: 'x' });",
    ],
    wrong: [
      "return await session.findObjects({ [CKA.LABEL]: 5 });",
      "return await session.findObjects({ [CKA.TOKEN]: 'yes' });",
      "const label: number | undefined = (await key.get([CKA.LABEL]))[CKA.LABEL]; return label;",
    ],
  },
  "streams and iterators": {
    setting,
    right: [
      "const stream: ReadableStream<Uint8Array<ArrayBuffer>> = new Blob([]).stream().pipeThrough(session.encryptStream(key, n)); return stream;",
      "return new ReadableStream<Uint8Array>().pipeThrough(session.decryptStream(key, n));",
      "return session.objectsSync().map((object) => object.handle).toArray();",
      "await using each = session.objects({ label: 'a' }); return await each.next();",
    ],
    wrong: ["for (const object of session.objects()) object.handle;"],
  },
  "bytes": {
    setting,
    right: [
      "await session.seedRandom(data);",
      "await session.initPin(data);",
      "await session.setPin(data, new Uint8Array(4).buffer);",
      "await session.setOperationState(data);",
      "await slot.initToken(data, 'label');",
      "return Pkcs11Uri.from({ id: data, token: undefined });",
      "return registerPinSource('x', () => new ArrayBuffer(4));",
    ],
    wrong: [
      "await session.seedRandom(42);",
      "await session.initPin({ a: 1 });",
      "return Pkcs11Uri.from({ id: 'text' });",
    ],
  },
};

describe("programs that use sessions", { skip: "Deno" in globalThis ? false : "the compiler is Deno's" }, () => {
  let loaded: Promise<TypePrograms> | undefined;
  const compiler = (): Promise<TypePrograms> => loaded ??= TypePrograms.load();

  for (const [name, settings] of typeSettings) {
    it(`compile where they are right and do not where they are wrong, with ${name}`, async () => {
      assertEquals((await compiler()).problems(programs, settings), []);
    });
  }
});
