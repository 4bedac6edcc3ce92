// The part of @std/assert this suite uses, on node:assert, for runs that cannot reach JSR (deno.json names the real one).
import nodeAssert from "node:assert/strict";

export { AssertionError } from "node:assert/strict";

// deno-lint-ignore no-explicit-any
type Constructor<T> = abstract new (...args: any[]) => T;

/** Node tells an absent message from one that is undefined. */
function given(message: string | undefined): [string?] {
  return message === undefined ? [] : [message];
}

export function assert(value: unknown, message = ""): asserts value {
  nodeAssert.ok(value, message || "Expected a truthy value");
}

export function assertFalse(value: unknown, message = ""): asserts value is false {
  nodeAssert.ok(!value, message || "Expected a falsy value");
}

export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, ...given(message));
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, ...given(message));
}

export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, ...given(message));
}

export function assertNotStrictEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notStrictEqual(actual, expected, ...given(message));
}

export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  nodeAssert.ok(actual !== null && actual !== undefined, message ?? `Expected a value, got ${actual}`);
}

export function assertInstanceOf<T>(actual: unknown, expected: Constructor<T>, message?: string): asserts actual is T {
  nodeAssert.ok(actual instanceof expected, message ?? `Expected an instance of ${expected.name}, got ${actual}`);
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.match(actual, expected, ...given(message));
}

export function assertNotMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.doesNotMatch(actual, expected, ...given(message));
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  nodeAssert.ok(
    actual.includes(expected),
    message ?? `Expected ${JSON.stringify(actual)} to include ${JSON.stringify(expected)}`,
  );
}

export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, message?: string): void {
  const list = Array.from(actual);
  for (const item of Array.from(expected)) {
    nodeAssert.ok(
      list.some((other) => isEqual(other, item)),
      message ?? `Expected the list to include ${String(item)}`,
    );
  }
}

export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.ok(actual > expected, message ?? `Expected ${actual} > ${expected}`);
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.ok(actual >= expected, message ?? `Expected ${actual} >= ${expected}`);
}

export function assertLess<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.ok(actual < expected, message ?? `Expected ${actual} < ${expected}`);
}

export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.ok(actual <= expected, message ?? `Expected ${actual} <= ${expected}`);
}

export function fail(message?: string): never {
  nodeAssert.fail(message ?? "Failed");
}

export function assertIsError<E extends Error>(
  error: unknown,
  expected?: Constructor<E>,
  includes?: string | RegExp,
  message?: string,
): asserts error is E {
  nodeAssert.ok(error instanceof Error, message ?? `Expected an Error, got ${String(error)}`);
  if (expected) {
    assertInstanceOf(error, expected, message ?? `Expected ${expected.name}, got ${error.name}: ${error.message}`);
  }
  if (typeof includes === "string") assertStringIncludes(error.message, includes, message);
  else if (includes) assertMatch(error.message, includes, message);
}

export function assertThrows(fn: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  expected: Constructor<E>,
  includes?: string,
  message?: string,
): E;
export function assertThrows(fn: () => unknown, expected?: unknown, includes?: string, message?: string): unknown {
  try {
    fn();
  } catch (error) {
    return checked(error, expected, includes, message);
  }
  nodeAssert.fail(message ?? "Expected the function to throw");
}

export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  expected: Constructor<E>,
  includes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  expected?: unknown,
  includes?: string,
  message?: string,
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    nodeAssert.fail(message ?? `Expected a rejected promise, the function threw ${String(error)}`);
  }
  try {
    await promise;
  } catch (error) {
    return checked(error, expected, includes, message);
  }
  nodeAssert.fail(message ?? "Expected the promise to reject");
}

function checked(error: unknown, expected: unknown, includes?: string, message?: string): unknown {
  if (typeof expected === "function") assertIsError(error, expected as Constructor<Error>, includes, message);
  return error;
}

function isEqual(left: unknown, right: unknown): boolean {
  try {
    nodeAssert.deepStrictEqual(left, right);
    return true;
  } catch {
    return false;
  }
}
