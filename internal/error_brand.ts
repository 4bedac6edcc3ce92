/** Classes of errors that two copies of this package in one process know as one. */
import { inspectableError } from "./inspection.ts";
import type { RuntimeLabel } from "./runtime.ts";

type ErrorClass = abstract new (...args: never[]) => Error;

/** Makes `instanceof` mean the class of every copy of this package, by the class's name, and JSON have the message. */
export function brandClass(constructor: ErrorClass, name: string): void {
  const key = Symbol.for(`gp11.${name}`);
  Object.defineProperty(constructor.prototype, key, { value: true });
  inspectableError(constructor);
  Object.defineProperty(constructor, Symbol.hasInstance, {
    value(this: ErrorClass, value: unknown): boolean {
      if (this !== constructor) return Function.prototype[Symbol.hasInstance].call(this, value);
      return typeof value === "object" && value !== null && key in value;
    },
  });
}

/** As `brandClass`, for errors whose `name` is that of their class. */
export function brandError(constructor: ErrorClass, name: string): void {
  brandClass(constructor, name);
  Object.defineProperty(constructor.prototype, "name", { value: name, configurable: true, writable: true });
}

/** A thing this runtime cannot do truthfully; it is refused, never faked. */
export class NotSupportedError extends Error {
  /** The runtime that cannot do it: "deno", "bun", "node" or another name. */
  readonly runtime: RuntimeLabel;
  /** Why it cannot. */
  readonly reason: string;

  /** Makes the error; `what` completes "Cannot …". */
  constructor(what: string, runtime: RuntimeLabel, reason: string) {
    super(`Cannot ${what} on ${runtime}: ${reason}`);
    this.runtime = runtime;
    this.reason = reason;
  }
}

brandError(NotSupportedError, "NotSupportedError");
