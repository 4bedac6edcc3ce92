import { type FunctionName, FUNCTIONS } from "../../ffi/tables/functions.ts";

/** How one argument is written. */
export type ArgumentKind =
  | "session"
  | "slot"
  | "object"
  | "ulong"
  | "bool"
  | "user"
  | "flags"
  | "mechanismType"
  | "mechanism"
  | "pointer"
  | "text"
  | "label"
  | "bytes"
  | "ulongPointer"
  | "sessionPointer"
  | "slotPointer"
  | "objectPointer"
  | "slotArray"
  | "objectArray"
  | "mechanismTypeArray"
  | "attributeTypes"
  | "attributes"
  | "initArgs"
  | "info"
  | "slotInfo"
  | "tokenInfo"
  | "sessionInfo"
  | "mechanismInfo";

/** One line of a logged call. */
export interface Argument {
  /** Its name in the log. */
  readonly name: string;
  /** How it is written. */
  readonly kind: ArgumentKind;
  /** Its place among the words of the call. */
  readonly index: number;
  /** The place of its length, or of the pointer to it, where it has one. */
  readonly length: number | null;
  /** Whether that place holds a pointer to the length. */
  readonly indirect: boolean;
  /** The place of the room there is for it, where that is not what its length is before the call. */
  readonly room: number | null;
  /** Whether it may hold a PIN, a key or plain text. */
  readonly secret: boolean;
}

/** What is written before and after a call. */
export interface CallArguments {
  /** Lines marked IN. */
  readonly input: readonly Argument[];
  /** Lines marked OUT. */
  readonly output: readonly Argument[];
}

/** Names libp11-kit's log uses instead of the standard's. */
const renamed: Readonly<Record<string, string>> = {
  "C_FindObjects.phObject": "object",
  "C_FindObjects.ulMaxObjectCount": "max_object_count",
  "C_GetObjectSize.pulSize": "size",
  "C_DeriveKey.phKey": "phObject",
  "C_GenerateRandom.RandomData": "pRandomData",
};

/** Lengths that libp11-kit shows before the call, as the caller has set them. */
const shownBefore = new Set([
  "C_GetSlotList.pulCount",
  "C_GetMechanismList.pulCount",
  "C_GetOperationState.pulOperationStateLen",
]);

/** Bytes that are secret in some functions although their names do not say so. */
const secretData: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    C_SetOperationState: ["pOperationState"],
    C_GetOperationState: ["pOperationState"],
    C_Encrypt: ["pData"],
    C_EncryptUpdate: ["pPart"],
    C_DigestEncryptUpdate: ["pPart"],
    C_SignEncryptUpdate: ["pPart"],
    C_Decrypt: ["pData"],
    C_DecryptUpdate: ["pPart"],
    C_DecryptFinal: ["pLastPart"],
    C_DecryptDigestUpdate: ["pPart"],
    C_DecryptVerifyUpdate: ["pPart"],
    C_SeedRandom: ["pSeed"],
    C_GenerateRandom: ["RandomData"],
  }).map(([fn, names]) => [fn, new Set(names)]),
);

function isSecret(fn: string, name: string): boolean {
  return /Pin$|Username|Plaintext/i.test(name) || (secretData.get(fn)?.has(name) ?? false);
}

const single: Readonly<Record<string, ArgumentKind>> = {
  CK_SESSION_HANDLE: "session",
  CK_SLOT_ID: "slot",
  CK_OBJECT_HANDLE: "object",
  CK_BBOOL: "bool",
  CK_USER_TYPE: "user",
  CK_FLAGS: "flags",
  CK_MECHANISM_TYPE: "mechanismType",
  CK_MECHANISM_PTR: "mechanism",
  CK_VOID_PTR: "pointer",
  CK_NOTIFY: "pointer",
};

const filled: Readonly<Record<string, ArgumentKind>> = {
  CK_SESSION_HANDLE_PTR: "sessionPointer",
  CK_OBJECT_HANDLE_PTR: "objectPointer",
  CK_SLOT_ID_PTR: "slotPointer",
  CK_ULONG_PTR: "ulongPointer",
  CK_FLAGS_PTR: "ulongPointer",
  CK_INFO_PTR: "info",
  CK_SLOT_INFO_PTR: "slotInfo",
  CK_TOKEN_INFO_PTR: "tokenInfo",
  CK_SESSION_INFO_PTR: "sessionInfo",
  CK_MECHANISM_INFO_PTR: "mechanismInfo",
};

const arrays: Readonly<Record<string, ArgumentKind>> = {
  CK_SLOT_ID_PTR: "slotArray",
  CK_MECHANISM_TYPE_PTR: "mechanismTypeArray",
  CK_BYTE_PTR: "bytes",
  CK_UTF8CHAR_PTR: "bytes",
};

const cache = new Map<FunctionName, CallArguments>();

/** How the arguments of a function are logged, worked out from their C types. */
export function callArguments(fn: FunctionName): CallArguments {
  let known = cache.get(fn);
  if (known === undefined) cache.set(fn, known = classify(fn));
  return known;
}

function classify(fn: FunctionName): CallArguments {
  const parameters = FUNCTIONS[fn].map((text) => {
    const [type, name] = text.split(" ");
    return { type: type!, name: name! };
  });
  const input: Argument[] = [];
  const output: Argument[] = [];
  const add = (list: Argument[], kind: ArgumentKind, index: number, length: number | null = null, indirect = false) => {
    const { name } = parameters[index]!;
    const room = kind === "objectArray" ? index + 1 : null;
    const secret = isSecret(fn, name);
    list.push({ name: renamed[`${fn}.${name}`] ?? name, kind, index, length, indirect, room, secret });
  };
  for (let at = 0; at < parameters.length; at++) {
    const { type, name } = parameters[at]!;
    const next = parameters[at + 1]?.type;
    const array = arrays[type];
    if (fn === "C_Initialize") add(input, "initArgs", at);
    else if (fn === "C_FindObjects" && type === "CK_OBJECT_HANDLE_PTR") add(output, "objectArray", at, at + 2, true);
    else if (fn === "C_FindObjects" && type === "CK_ULONG_PTR") continue;
    else if (fn === "C_WaitForSlotEvent" && name === "pReserved") add(output, "pointer", at);
    else if (fn === "C_GenerateRandom" && array === "bytes") {
      add(output, "bytes", at, at + 1);
      add(input, "ulong", ++at);
    } else if (type === "CK_ATTRIBUTE_PTR") {
      add(input, "attributeTypes", at, at + 1);
      if (fn === "C_GetAttributeValue") add(output, "attributes", at, at + 1);
      at++;
    } else if (array !== undefined && next === "CK_ULONG_PTR") {
      if (shownBefore.has(`${fn}.${parameters[at + 1]!.name}`)) add(input, "ulongPointer", at + 1);
      add(output, array, at, at + 1, true);
      at++;
    } else if ((array === "bytes" || type === "CK_VOID_PTR") && next === "CK_ULONG") {
      add(input, "bytes", at, at + 1);
      at++;
    } else if (type === "CK_UTF8CHAR_PTR") add(input, name === "pLabel" ? "label" : "text", at);
    else if (filled[type] !== undefined) add(output, filled[type], at);
    else add(input, single[type] ?? (type.endsWith("_PTR") ? "pointer" : "ulong"), at);
  }
  return { input, output };
}
