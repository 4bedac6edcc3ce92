/**
 * What the engine knows of a view, whatever its own properties or those of a subclass say. No code of the caller runs where
 * it is asked.
 */
import { builtin } from "../../internal/builtin_modules.ts";
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

const TYPED_ARRAY_PROTOTYPE: object = Object.getPrototypeOf(Uint8Array.prototype);

/** Those of typed arrays. */
export const TYPED_ARRAY: ViewGetters = getters(TYPED_ARRAY_PROTOTYPE);
/** Those of the others. */
export const DATA_VIEW: ViewGetters = getters(DataView.prototype);
/** How many elements a typed array has; called with it. */
export const lengthOf: () => unknown = getter(TYPED_ARRAY_PROTOTYPE, "length");
/** The name of a typed array's kind; `undefined` for other values. */
export const kindOf: () => unknown = getter(TYPED_ARRAY_PROTOTYPE, Symbol.toStringTag);

/**
 * Whether a value is a `Uint8Array` of this realm or another, or of a subclass, whatever prototype it was given. V8 compiles
 * the question for the kind, JavaScriptCore calls a function for that: Bun's own question costs a fifth.
 */
export const isUint8Array: (value: unknown) => value is Uint8Array = runtimeName() === "bun"
  ? builtin.utilTypes.isUint8Array
  : isOfKind;

function isOfKind(value: unknown): value is Uint8Array {
  return kindOf.call(value) === "Uint8Array";
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
