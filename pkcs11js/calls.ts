/** The functions that are called just as their arguments say, as data: what each takes and gives. */
import { FN } from "../ffi/engine/frame.ts";
import { type FunctionName, FUNCTIONS } from "../ffi/tables/functions.ts";
import type { ArgumentKind, Call, ResultKind } from "./call.ts";

function call(name: FunctionName, kinds: string, result: ResultKind = "nothing"): Call {
  const all = kinds.split(" ") as ArgumentKind[];
  let least = all.length;
  while (all[least - 1] === "text") least--;
  return {
    name,
    index: FN[name],
    kinds: all,
    result,
    least,
    arity: FUNCTIONS[name].length,
  };
}

const start = (name: FunctionName) => call(name, "session mechanism handle");
const whole = (name: FunctionName) => call(name, "session input output", "output");
const part = (name: FunctionName) => call(name, "session input");
const last = (name: FunctionName) => call(name, "session output", "output");

/** The functions by their C names. */
export const CALLS = {
  C_InitPIN: call("C_InitPIN", "session text"),
  C_SetPIN: call("C_SetPIN", "session text text"),
  C_Login: call("C_Login", "session number text"),
  C_SetOperationState: call("C_SetOperationState", "session input handle handle"),
  C_CreateObject: call("C_CreateObject", "session template", "handle"),
  C_CopyObject: call("C_CopyObject", "session handle template", "handle"),
  C_DestroyObject: call("C_DestroyObject", "session handle"),
  C_GetObjectSize: call("C_GetObjectSize", "session handle", "size"),
  C_SetAttributeValue: call("C_SetAttributeValue", "session handle template"),
  C_FindObjectsInit: call("C_FindObjectsInit", "session template"),
  C_FindObjectsFinal: call("C_FindObjectsFinal", "session"),
  C_EncryptInit: start("C_EncryptInit"),
  C_Encrypt: whole("C_Encrypt"),
  C_EncryptUpdate: whole("C_EncryptUpdate"),
  C_EncryptFinal: last("C_EncryptFinal"),
  C_DecryptInit: start("C_DecryptInit"),
  C_Decrypt: whole("C_Decrypt"),
  C_DecryptUpdate: whole("C_DecryptUpdate"),
  C_DecryptFinal: last("C_DecryptFinal"),
  C_DigestInit: call("C_DigestInit", "session mechanism"),
  C_Digest: whole("C_Digest"),
  C_DigestUpdate: part("C_DigestUpdate"),
  C_DigestKey: call("C_DigestKey", "session handle"),
  C_DigestFinal: last("C_DigestFinal"),
  C_SignInit: start("C_SignInit"),
  C_Sign: whole("C_Sign"),
  C_SignUpdate: part("C_SignUpdate"),
  C_SignFinal: last("C_SignFinal"),
  C_SignRecoverInit: start("C_SignRecoverInit"),
  C_SignRecover: whole("C_SignRecover"),
  C_VerifyInit: start("C_VerifyInit"),
  C_Verify: call("C_Verify", "session input input", "true"),
  C_VerifyUpdate: part("C_VerifyUpdate"),
  C_VerifyFinal: call("C_VerifyFinal", "session input", "true"),
  C_VerifyRecoverInit: start("C_VerifyRecoverInit"),
  C_VerifyRecover: whole("C_VerifyRecover"),
  C_DigestEncryptUpdate: whole("C_DigestEncryptUpdate"),
  C_DecryptDigestUpdate: whole("C_DecryptDigestUpdate"),
  C_SignEncryptUpdate: whole("C_SignEncryptUpdate"),
  C_DecryptVerifyUpdate: whole("C_DecryptVerifyUpdate"),
  C_GenerateKey: call("C_GenerateKey", "session mechanism template", "handle"),
  C_GenerateKeyPair: call("C_GenerateKeyPair", "session mechanism template template", "keyPair"),
  C_WrapKey: call("C_WrapKey", "session mechanism handle handle output", "output"),
  C_UnwrapKey: call("C_UnwrapKey", "session mechanism handle early template", "handle"),
  C_DeriveKey: call("C_DeriveKey", "session mechanism handle template", "handle"),
  C_SeedRandom: part("C_SeedRandom"),
  C_GenerateRandom: call("C_GenerateRandom", "session filled", "filled"),
} as const satisfies Partial<Record<FunctionName, Call>>;

/** Those that have an asynchronous form too. */
export const ASYNC_NAMES = [
  "C_Encrypt",
  "C_EncryptFinal",
  "C_Decrypt",
  "C_DecryptFinal",
  "C_Digest",
  "C_DigestFinal",
  "C_Sign",
  "C_SignFinal",
  "C_Verify",
  "C_VerifyFinal",
  "C_DigestEncryptUpdate",
  "C_DecryptDigestUpdate",
  "C_SignEncryptUpdate",
  "C_DecryptVerifyUpdate",
  "C_GenerateKey",
  "C_GenerateKeyPair",
  "C_WrapKey",
  "C_UnwrapKey",
  "C_DeriveKey",
] as const satisfies readonly (keyof typeof CALLS)[];
