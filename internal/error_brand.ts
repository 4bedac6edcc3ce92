/** Classes of errors that two copies of this package in one process know as one. */
import { inspectableError } from "./inspection.ts";

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
