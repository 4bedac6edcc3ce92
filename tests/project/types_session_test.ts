// What TypeScript makes of programs that use sessions, and of mistakes in them: session/mod.ts and ffi/constants/mod.ts.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { type TypeProgram, TypePrograms, typeSettings } from "../_support/type_programs.ts";

const setting = `
import { aesCcm, aesGcm, aesGcmMessage, Attributes, type AttributesInit, type BytesInput, CK, CKA, CKF, CKK, CKM, CKO, CKS, CKU, type DataInput, Encryptor, findByUri, type FindOptions, type FunctionName, kbkdf, loadModules,
  type Mechanism, type UserType, type MechanismInfo, Module, Pkcs11Error, Pkcs11Object, Pkcs11Uri, registerPinSource, rsaAesKeyWrap, Session, SessionPool,
  type SessionInfo, Slot, TokenCertificate, type TokenInfo, TokenSigner, TokenTlsSocket, X509 } from "@gp11/gp11/session";
declare const module: Module, slot: Slot, session: Session, key: Pkcs11Object, pin: string, data: Uint8Array, n: number;
declare const info: TokenInfo, mechanism: MechanismInfo, state: SessionInfo, names: string[];
declare const o: { signal?: AbortSignal; text?: string; bytes?: Uint8Array };
export { aesCcm, aesGcm, aesGcmMessage, Attributes, CK, CKA, CKF, CKK, CKM, CKO, CKS, CKU, Encryptor, findByUri, kbkdf, loadModules };
export { Module, o, Pkcs11Error, Pkcs11Object, Pkcs11Uri, registerPinSource, rsaAesKeyWrap, Session, SessionPool, Slot, TokenCertificate, TokenSigner, TokenTlsSocket, X509 };
export type { AttributesInit, BytesInput, DataInput, FindOptions, FunctionName, Mechanism, UserType };
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
  "keys given out": {
    setting,
    right: [
      "return await crypto.subtle.importKey('jwk', await key.publicKey('jwk'), 'Ed25519', true, ['verify']);",
      "return await crypto.subtle.importKey('jwk', key.exportKeySync('jwk'), 'Ed25519', true, ['sign']);",
      "return await session.importKey(await key.exportKey('jwk'));",
    ],
    wrong: ["const pem: string = await key.publicKey('jwk'); return pem;"],
  },
  "TLS with a key in a token": {
    setting: `import { tokenTlsSocket } from "@gp11/gp11/session";
import type { ClientTls } from "@gp11/gp11/http";
declare const tls: ClientTls;
export { tls, tokenTlsSocket };
`,
    right: ["return await tokenTlsSocket({ host: 'mail.example', port: 465, clientCertificate: tls });"],
    wrong: [
      "return await tokenTlsSocket({ host: 'mail.example', port: 465, clientCertificate: { cert: '', key: '' } });",
    ],
  },
  "results into memory of the caller": {
    setting,
    right: [
      "const length: number = session.digestSync(CKM.SHA256, data, { into: data }); return length;",
      "const length: number = await session.sign(key, CKM.ECDSA, data, { into: data, signal: o.signal }); return length;",
      "const bytes: Uint8Array = await session.encrypt(key, n, data, { signal: o.signal }); return bytes;",
      "const bytes: Uint8Array = session.generateRandomSync(n); return bytes;",
    ],
    wrong: [
      "const bytes: Uint8Array = session.digestSync(CKM.SHA256, data, { into: data }); return bytes;",
      "const options: { into?: Uint8Array } = {}; const a: Uint8Array = session.digestSync(n, data, options); return a;",
      "return session.verifySync(key, CKM.ECDSA, data, data, { into: data });",
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
  "what was read of objects that were found": {
    setting,
    right: [
      "const label: string | undefined = (await session.findObject({}, { read: ['label'] })).attributes.get('label'); return label;",
      "const [found] = session.findObjectsSync({}, { read: [CKA.ID, 'ecParams', 'parameterSet'] }); const a = found!.attributes; return [a.get('id'), a.get(CKA.ID), a.get('namedCurve'), a.get('parameterSetName')];",
      "for await (const each of session.objects({}, { read: ['id'] })) { const id: Uint8Array | undefined = each.attributes.get('id'); return id; }",
      "for (const each of session.objectsSync({}, { read: ['id'] })) return each.attributes.pick(['id']).id;",
      "for await (const each of findByUri('pkcs11:', { read: ['label'], modules: [module] })) return each.attributes.get('label');",
      "const read: Attributes = (await session.findObject({}, { read: ['label'] })).attributes; return read.get('id');",
      "const some: Pkcs11Object[] = await session.findObjects({}, { read: ['label'] }); return some[0]?.attributes?.get('id');",
      "const [found] = await session.findObjects({}, { read: ['label'] }); return await session.sign(found!, CKM.ECDSA, data);",
      "const [found] = await session.findObjects({}, { read: ['label'] }); return [found!.attributes.has('id'), found!.attributes.state('id')];",
      "const [found] = await session.findObjects({}, { read: ['label'] }); return await session.findObjects(found!.attributes);",
      "const options: FindOptions = {}; const [found] = await session.findObjects({}, options); return found?.attributes?.get('id');",
      "const names: ('id' | 'label')[] = ['id']; return (await session.findObjects({}, { read: names }))[0]!.attributes.get('label');",
      "return (await session.findObjects({}, { read: [n] }))[0]!.attributes.get(n);",
      "const found: Pkcs11Object<'label'> = await session.findObject({}, { read: ['label'] }); return found;",
    ],
    wrong: [
      "return (await session.findObject({}, { read: ['label'] })).attributes.get('id');",
      "return (await session.findObject({}, { read: ['label'] })).attributes.get(CKA.ID);",
      "return (await session.findObject({}, { read: ['label'] })).attributes.get('lable');",
      "return (await session.findObject({}, { read: ['label'] })).attributes.pick(['id']);",
      "return (await session.findObject({})).attributes.get('label');",
      "return (await session.findObject({}, { signal: o.signal })).attributes.get('label');",
      "return (await key.getAttributes(['label'])).get('id');",
      "return await session.findObjects({}, { read: ['lable'] });",
      "return await session.findObjects({}, { raed: ['label'] });",
      "return await session.findObjects({}, { read: [CKM.ECDSA] });",
      "return await session.findObjects({}, { read: 'label' });",
      "const some: Pkcs11Object<'id'> = await session.findObject({}, { read: ['label'] }); return some;",
    ],
  },
  "data that comes piece by piece": {
    setting: `${setting}
declare const blob: Blob, stream: ReadableStream<Uint8Array>, file: NodeReadable, each: AsyncGenerator<Uint8Array>;
interface NodeReadable { pipe(): void; [Symbol.asyncIterator](): AsyncIterator<any> }
export { blob, each, file, stream };`,
    right: [
      "return await session.digest(CKM.SHA256, blob);",
      "return await session.sign(key, n, stream, { signal: o.signal });",
      "return await session.verify(key, n, file, data);",
      "return await session.digest(CKM.SHA256, each);",
      "const input: DataInput = new File([], 'name'); return input;",
      "async function* pieces() { yield new ArrayBuffer(1); yield data; } return await session.digest(CKM.SHA256, pieces());",
    ],
    wrong: [
      "return await session.digest(CKM.SHA256, 'text');",
      "return await session.digest(CKM.SHA256, [data]);",
      "return session.digestSync(CKM.SHA256, blob);",
      "return await session.encrypt(key, n, stream);",
      "async function* pieces() { yield 'text'; } return await session.digest(CKM.SHA256, pieces());",
    ],
  },
  "closed sets": {
    setting,
    right: [
      "return [aesGcm({ iv: data, tagLength: 96 }), aesCcm({ nonce: data, tagLength: 48 }), aesGcmMessage({ iv: data, tagLength: 120 })];",
      "return [kbkdf({ mode: 'counter', prf: 'SHA-256', parts: [{ counter: 32 }, data] }), rsaAesKeyWrap({ hash: 'SHA-1', aesKeyBits: 256 })];",
      "const version: '2.40' | '3.0' | '3.1' | '3.2' = module.interfaceVersion; return version;",
    ],
    wrong: [
      "return aesGcm({ iv: data, tagLength: 16 });",
      "return aesCcm({ nonce: data, tagLength: 120 });",
      "return aesGcmMessage({ iv: data, tagLength: 48 });",
      "return rsaAesKeyWrap({ hash: 'SHA-1', aesKeyBits: 32 });",
      "return kbkdf({ mode: 'counter', prf: 'SHA-256', parts: [{ counter: 4 }] });",
      "return module.interfaceVersion === '2.4';",
    ],
  },
  "what a module makes": {
    setting,
    right: [
      "return new Pkcs11Object(session, 5n);",
      "const fake: Pick<Session, 'verify'> = { verify: () => Promise.resolve(true) }; return fake;",
      "return key instanceof Pkcs11Object && session instanceof Session && slot instanceof Slot;",
      "const read = await key.getAttributes(['id']); return read instanceof Attributes;",
    ],
    wrong: [
      "return new Module({});",
      "return new Slot(module, undefined, 0n);",
      "return new Session({});",
      "return new Attributes([]);",
      "return new X509({});",
      "return new TokenSigner({});",
      "return new SessionPool(slot, {});",
      "return new TokenCertificate({});",
      "return new TokenTlsSocket({}, {});",
      "return new Encryptor(session, 'encryptor', key, n);",
      "class Own extends Session {} return Own;",
      "key.handle = 5n;",
      "info.label = 'mine';",
    ],
  },
  "options handed on, and every last parameter": {
    setting,
    right: [
      "return [await session.sign(key, n, data, { signal: o.signal }), await slot.openSession({ signal: o.signal, login: undefined })];",
      "return [Pkcs11Uri.from({ token: o.text, id: o.bytes }), aesGcm({ iv: data, additionalData: o.bytes })];",
      "return await loadModules({ signal: o.signal, progname: o.text, config: { systemConf: o.text } });",
      "return [await session.decryptMany(key, n, [data]), session.decryptManySync(key, n, [data], { signal: o.signal })];",
      "return [session.encryptStream(key, n, { signal: o.signal }), session.decryptStream(key, n, {})];",
      "await module.closeAllSessions(slot, { signal: o.signal, abort: 'wait' }); module.closeAllSessionsSync();",
      "return await session.wrapKey(key, n, key, { additionalData: data, signal: o.signal });",
      "return await session.encryptMessage(key, n, data, { associatedData: data });",
      "session.addEventListener('discard-handle', (event) => event.claim(), { signal: o.signal, once: true });",
    ],
    wrong: [
      "return await session.sign(key, n, data, { singal: o.signal });",
      "return await session.sign(key, n, data, AbortSignal.timeout(5));",
      "await module.closeAllSessions({ signal: o.signal });",
      "session.addEventListener('discard-handel', () => {});",
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
  for (const [name, settings] of typeSettings) {
    it(`compile where they are right and do not where they are wrong, with ${name}`, async () => {
      assertEquals((await TypePrograms.load()).problems(programs, settings), []);
    });
  }
});
