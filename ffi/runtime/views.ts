/**
 * What the engine knows of a view, whatever its own properties or those of a subclass say. No code of the caller runs where
 * it is asked.
 */
import { runtimeName } from "../../internal/runtime.ts";

/** Getters of one kind of views. */
export interface ViewGetters {
  /** The memory. */
  readonly buffer: () => unknown;
  /** Where in it the view begins. */
  readonly byteOffset: () => unknown;
  /** How many bytes it has. */
  readonly byteLength: () => unknown;
}

const UINT8: object = Uint8Array.prototype;
/** That of Node's Buffers, where there are any. */
const BUFFER: object | undefined = (globalThis as { readonly Buffer?: { readonly prototype: object } }).Buffer
  ?.prototype;
const TYPED_ARRAY_PROTOTYPE: object = Object.getPrototypeOf(Uint8Array.prototype);

/** Those of typed arrays. */
export const TYPED_ARRAY: ViewGetters = getters(TYPED_ARRAY_PROTOTYPE);
/** Those of the others. */
export const DATA_VIEW: ViewGetters = getters(DataView.prototype);
/** The name of a typed array's kind; `undefined` for other values. */
export const kindOf: () => unknown = getter(TYPED_ARRAY_PROTOTYPE, Symbol.toStringTag);

/**
 * Whether a value is a `Uint8Array` of this realm or another, or of a subclass. V8 compiles the question for the kind, and
 * calls a function for that for the prototype; JavaScriptCore has it the other way round.
 */
export const isUint8Array: (value: unknown) => value is Uint8Array = runtimeName() === "bun"
  ? hasItsPrototype
  : isOfKind;

function isOfKind(value: unknown): value is Uint8Array {
  return kindOf.call(value) === "Uint8Array";
}

function hasItsPrototype(value: unknown): value is Uint8Array {
  if (!ArrayBuffer.isView(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === UINT8 || prototype === BUFFER || isOfKind(value);
}

/** The engine's own getter of a property. */
export function getter(prototype: object, name: string | symbol): () => unknown {
  return Object.getOwnPropertyDescriptor(prototype, name)!.get!;
}

function getters(prototype: object): ViewGetters {
  return {
    buffer: getter(prototype, "buffer"),
    byteOffset: getter(prototype, "byteOffset"),
    byteLength: getter(prototype, "byteLength"),
  };
}
