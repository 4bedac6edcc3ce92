// The least that a first signature takes on Deno and Bun: twelve functions of C, called by hand, and nothing is checked but
// that they succeed. Usage: HOW OFTEN, MODULE, LABEL, PIN
import { tellMemory, words } from "./program.mjs";

const [count, path, label, pin] = words;
const arities = {
  C_Initialize: 1,
  C_GetSlotList: 3,
  C_GetTokenInfo: 2,
  C_OpenSession: 5,
  C_Login: 4,
  C_FindObjectsInit: 3,
  C_FindObjects: 4,
  C_FindObjectsFinal: 1,
  C_SignInit: 3,
  C_Sign: 5,
  C_Finalize: 1,
};

/** The functions of the library, and what tells the address of memory. */
function load() {
  const each = (describe) => Object.fromEntries(Object.entries(arities).map(([name, n]) => [name, describe(n)]));
  if (globalThis.Deno !== undefined) {
    const { symbols } = Deno.dlopen(path, each((n) => ({ parameters: Array(n).fill("u64"), result: "u64" })));
    return [symbols, (view) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(view))];
  }
  const { dlopen, ptr } = process.getBuiltinModule("bun:ffi");
  return [dlopen(path, each((n) => ({ args: Array(n).fill("u64"), returns: "u64" }))).symbols, ptr];
}

const [functions, addressOf] = load();
const numbers = new BigUint64Array(new ArrayBuffer(512));
const bytes = new Uint8Array(new ArrayBuffer(512));
const [at, bytesAt] = [numbers, bytes].map((view) => BigInt(addressOf(view)));

function call(name, ...args) {
  const rv = functions[name](...args);
  if (rv !== 0n) throw new Error(`${name} answers ${rv}`);
}

call("C_Initialize", 0n);
numbers[0] = 16n;
call("C_GetSlotList", 1n, at + 8n, at);
const slot = numbers.slice(1, 1 + Number(numbers[0])).find((slot) => {
  call("C_GetTokenInfo", slot, bytesAt);
  return String.fromCharCode(...bytes.slice(0, 32)).trim() === label;
});
call("C_OpenSession", slot, 4n, 0n, 0n, at);
const session = numbers[0];
new TextEncoder().encodeInto(pin, bytes);
call("C_Login", session, 1n, bytesAt, BigInt(pin.length));
// CKA_CLASS is CKO_PRIVATE_KEY: a template of one attribute, whose value stands behind it.
numbers.set([0n, at + 24n, 8n, 3n]);
call("C_FindObjectsInit", session, at, 1n);
call("C_FindObjects", session, at, 1n, at + 8n);
const key = numbers[0];
call("C_FindObjectsFinal", session);
// CKM_ECDSA without a parameter, and the room for a signature.
numbers.set([0x1041n, 0n, 0n, 512n]);
for (let i = 0; i < Number(count); i++) {
  call("C_SignInit", session, at, key);
  call("C_Sign", session, bytesAt, 32n, bytesAt, at + 24n);
}
call("C_Finalize", 0n);
tellMemory(count);
