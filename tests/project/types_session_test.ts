// What TypeScript makes of programs that use sessions, and of mistakes in them: session/mod.ts and ffi/constants/mod.ts.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { typeProblems, type TypeProgram } from "../_support/type_programs.ts";

const setting = `
import { Attributes, type AttributesInit, type BytesInput, CK, CKA, CKF, CKK, CKM, CKO, CKS, CKU, type DataInput,
  type MechanismInfo, Module, Pkcs11Error, type Pkcs11Object, Pkcs11Uri, registerPinSource, type Session,
  type SessionInfo, type Slot, type TokenInfo } from "@gp11/gp11/session";
declare const module: Module, slot: Slot, session: Session, key: Pkcs11Object, pin: string, data: Uint8Array, n: number;
declare const info: TokenInfo, mechanism: MechanismInfo, state: SessionInfo, names: string[];
export { Attributes, CK, CKA, CKF, CKK, CKM, CKO, CKS, CKU, Module, Pkcs11Error, Pkcs11Uri, registerPinSource };
export type { AttributesInit, BytesInput, DataInput };
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
  it("compile where they are right and do not where they are wrong", async () => {
    assertEquals(await typeProblems(programs), []);
  });
});
