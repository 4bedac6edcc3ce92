/** Calls of assertions, those that hold and those that fail, of the kinds the suite makes. */
export function* assertionCases(): Generator<readonly [name: string, args: readonly unknown[]]> {
  for (const value of [true, false, 0, 1, "", "a", null, undefined, NaN, {}, []]) {
    for (const name of ["assert", "assertFalse", "assertExists"]) yield [name, [value]];
  }
  const equality = ["assertEquals", "assertNotEquals", "assertStrictEquals", "assertNotStrictEquals"];
  for (const left of values) {
    for (const right of values) for (const name of equality) yield [name, [left(), right()]];
  }
  const order = ["assertGreater", "assertGreaterOrEqual", "assertLess", "assertLessOrEqual"];
  for (const pair of [[1, 2], [2, 2], [3, 2], ["a", "b"], [1n, 2n], [NaN, 1]]) {
    for (const name of order) yield [name, pair];
  }
  for (const [text, part] of [["abc", "b"], ["abc", "d"], ["", ""], ["abc", ""]]) {
    yield ["assertStringIncludes", [text, part]];
  }
  for (const [list, part] of [[[1, 2], [1]], [[1, 2], [3]], [[{ a: 1 }], [{ a: 1 }]], [[1], []], ["ab", ["a"]]]) {
    yield ["assertArrayIncludes", [list, part]];
  }
  for (const [text, pattern] of [["abc", /b/], ["abc", /^b/], ["", /^$/]] as const) {
    for (const name of ["assertMatch", "assertNotMatch"]) yield [name, [text, pattern]];
  }
  for (const value of [new TypeError("a b"), new Error("a b"), "a b", null, undefined, {}, new Date(0)]) {
    for (const type of [Error, TypeError, RangeError, Date]) yield ["assertInstanceOf", [value, type]];
    for (const more of expectations) yield ["assertIsError", [value, ...more]];
  }
  yield ["fail", []];
  yield ["fail", ["because"]];
  for (const more of expectations) {
    for (const error of [new TypeError("a b"), new RangeError("c"), "a b", undefined]) {
      yield ["assertThrows", [thrower(error), ...more]];
      yield ["assertRejects", [() => Promise.reject(error), ...more]];
      yield ["assertRejects", [thrower(error), ...more]];
    }
    yield ["assertThrows", [() => 1, ...more]];
    yield ["assertRejects", [() => Promise.resolve(1), ...more]];
  }
}

/** What an error is expected to be. */
const expectations: readonly (readonly unknown[])[] = [[], [Error], [TypeError], [RangeError], [TypeError, "a"], [
  Error,
  "z",
]];

function thrower(error: unknown): () => never {
  return () => {
    throw error;
  };
}

class Point {
  readonly x: number;
  constructor(x: number) {
    this.x = x;
  }
}

const shared = { shared: true };

/**
 * Values that are compared with each other, each made anew but for one. Three kinds are not among them, as the libraries mean
 * different things: errors, of which @std/assert compares the stack, too, objects without a prototype, which it takes for
 * others, and -0, which it takes for 0.
 */
const values: readonly (() => unknown)[] = [
  () => 0,
  () => NaN,
  () => 1,
  () => 1n,
  () => "1",
  () => "",
  () => null,
  () => undefined,
  () => true,
  () => [],
  () => [1, 2],
  () => [2, 1],
  () => [1, undefined],
  () => [[1], [2]],
  () => ({}),
  () => ({ a: 1 }),
  () => ({ a: 1, b: undefined }),
  () => ({ a: { b: [1] } }),
  () => new Uint8Array([1, 2]),
  () => new Uint8Array([1, 3]),
  () => new Uint8Array([1, 2]).buffer,
  () => new Map([[1, 2]]),
  () => new Map([[1, 3]]),
  () => new Set([1, 2]),
  () => new Set([2, 1]),
  () => new Date(0),
  () => new Date(1),
  () => /a/g,
  () => /a/,
  () => new Point(1),
  () => new Point(2),
  () => ({ x: 1 }),
  () => new URL("http://a/"),
  () => new URL("http://b/"),
  () => shared,
];
