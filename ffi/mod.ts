/**
 * The native floor: the functions of a PKCS#11 module by their C names, returning CK_RV, with the memory, structures and
 * templates they take. Nothing here protects against misuse, such as memory that is collected while C uses it: prefer the
 * session entry.
 *
 * @example Ask a module for its version
 * ```ts
 * import { Block, Cryptoki, nativeAbi, nativeRuntime } from "@gp11/gp11/ffi";
 *
 * function version(path: string): string {
 *   const module = Cryptoki.open(path);
 *   const block = new Block(nativeRuntime(), nativeAbi(), 1024);
 *   const info = block.alloc(88);
 *   if (module.call("C_GetInfo", block.address(info)) !== 0) throw new Error("not initialised");
 *   const [major, minor] = block.copyOut(info, 2);
 *   return `${major}.${minor}`;
 * }
 * ```
 *
 * @module
 */
import "./inspection.ts";

export { nativeAbi, nativeRuntime } from "./runtime/runtime.ts";
export type {
  Abi,
  CallLock,
  NativeFunction,
  NativeLibrary,
  NativeResult,
  NativeRuntime,
  NativeSource,
} from "./runtime/native.ts";
export * from "./constants/mod.ts";
export { BoundFunction, Cryptoki, type CryptokiVersion, NotCryptokiError } from "./tables/cryptoki.ts";
export {
  FUNCTION_NAMES,
  type FunctionName,
  FUNCTIONS,
  FUNCTIONS_2_40,
  FUNCTIONS_3_0,
  FUNCTIONS_3_2,
} from "./tables/functions.ts";
export { Block, type BlockMark } from "./memory/block.ts";
export { P11_KIT_FUNCTIONS, P11_KIT_MODULE, P11Kit, type P11KitFiles, type P11KitFunction } from "./tables/p11_kit.ts";
export {
  paddedText,
  readStruct,
  type StructDefinition,
  type StructLayout,
  structLayout,
  type StructLayoutMember,
  type StructMember,
  type StructRead,
  type StructValue,
  type Version,
  withoutNuls,
  writeStruct,
} from "./memory/structs.ts";
export * from "./memory/structs_infos.ts";
export * from "./memory/structs_cipher.ts";
export * from "./memory/structs_derive.ts";
export * from "./memory/structs_public_key.ts";
export { type TemplateEntry, type TemplateValue, writeTemplate } from "./memory/templates.ts";
export {
  type BuiltParameter,
  type Mechanism,
  type MechanismUse,
  type OutputBuffer,
  OutputParameter,
  type ParameterValues,
  type PreparedMechanism,
  prepareMechanism,
  StructParameter,
  UlongParameter,
  writeMechanism,
  type WrittenMechanism,
  type WrittenParameter,
} from "./memory/mechanisms.ts";
export type { BytesInput } from "./memory/inputs.ts";
export { AttributeQuery } from "./attributes/attribute_query.ts";
export { type RawCallOptions, RawCalls } from "./engine/raw_calls.ts";
export {
  type JobDone,
  type JobResult,
  type NativeCall,
  type PendingJob,
  WorkerPool,
  workerPool,
} from "./workers/worker_pool.ts";
export type { JobCall, Progress, RepeatedCalls, RowWords, Step } from "./workers/repeated_calls.ts";
