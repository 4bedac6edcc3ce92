/**
 * How objects show themselves: one readable line where a program logs them (`console.log` and the inspect functions of
 * the runtimes), plain values where it writes them as JSON. Both come of one list of facts, so that neither shows more
 * than the other.
 *
 * @module
 */
import { toBase64Url } from "./bytes.ts";
import { INSPECT, INSPECT_FIRST } from "./runtime.ts";

/** One thing that an object tells about itself. */
export interface Fact {
  /** Its name as a member in JSON. */
  readonly name: string;
  /** Its value there. */
  readonly value: unknown;
  /** Its words in the line; empty where another fact has said it. */
  readonly words: string;
}

/** What a kind of objects tells about itself, the most telling first: where an object is shown in another, two are told. */
export interface Portrait<T> {
  /** What the kind is called. */
  readonly name: string;
  /** The facts of one object. */
  facts(value: T): readonly Fact[];
}

/** Under which an object gives its line; the depth is of no matter to it. */
const LINE = Symbol("line");
const BRIEF = 2;

/**
 * A fact.
 *
 * @param words Its words in the line. By default name and value; a flag that is not set and what there is none of need no
 * words.
 */
export function fact(name: string, value: unknown, words: string = defaultWords(name, value)): Fact {
  return { name, value, words };
}

/** A number of things in words: `1 cookie`, `2 cookies`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Text in quotes, with nothing in it that a terminal would obey. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** An object in the line of another: shorter than its own. */
export function brief(value: object): string {
  const line = (value as { [LINE]?: (isBrief: boolean) => string })[LINE];
  return line === undefined ? value.constructor?.name ?? "object" : line.call(value, true);
}

/** The line of an object of a class that is shown so. */
export function lineOf(value: object): string {
  return (value as { [LINE](isBrief: boolean): string })[LINE](false);
}

/** Makes all objects of a class, and of its subclasses, show themselves. */
export function inspectable<T extends object>(
  constructor: { readonly prototype: T },
  name: string,
  facts: (value: T) => readonly Fact[] = () => [],
): void {
  const { prototype } = constructor;
  const { inspect, line, toJSON } = membersOf<T>({ name, facts }, prototype);
  const define = (key: PropertyKey, value: unknown): void => {
    // What a class has written of its own is right for it.
    if (Object.hasOwn(prototype, key)) return;
    Object.defineProperty(prototype, key, { value, configurable: true, writable: true });
  };
  define(INSPECT, inspect);
  define(INSPECT_FIRST, undefined);
  define(LINE, line);
  define("toJSON", toJSON);
  define(Symbol.toStringTag, name);
}

interface Hidden {
  readonly inspect: PropertyDescriptor;
  readonly toJSON: PropertyDescriptor;
}

const hiddenOf = new WeakMap<object, Hidden>();

/**
 * Gives a plain result the same, in members that nobody meets who goes through it, copies it or compares it. Two of them
 * and one after the other: more is slow.
 */
export function shownAs<T extends object>(portrait: Portrait<T>, value: T): T {
  let hidden = hiddenOf.get(portrait);
  if (hidden === undefined) {
    const { inspect, toJSON } = membersOf(portrait, null);
    hiddenOf.set(portrait, hidden = { inspect: { value: inspect }, toJSON: { value: toJSON } });
  }
  Object.defineProperty(value, INSPECT, hidden.inspect);
  return Object.defineProperty(value, "toJSON", hidden.toJSON);
}

/** A plain result that shows its members as they are. */
export function plainPortrait<T extends object>(name: string): Portrait<T> {
  return { name, facts: (value) => membersAsFacts(value) };
}

/** The facts of a plain result: its members, some of them in other words. */
export function membersAsFacts<T extends object>(
  value: T,
  words: { readonly [K in keyof T]?: (member: T[K]) => string } = {},
): Fact[] {
  return (Object.entries(value) as [keyof T & string, T[keyof T]][]).map(([name, member]) => {
    const say = words[name];
    return say === undefined || member === undefined
      ? fact(name, member)
      : fact(name, member, say(member as T[typeof name]));
  });
}

/**
 * Makes the errors of a class have their message in JSON. Where they are logged they keep the stack that the runtime
 * shows, unless `facts` are given: those of errors that carry other people's errors, whose texts hold whole URLs.
 */
export function inspectableError<T extends Error>(
  { prototype }: { readonly prototype: T },
  facts?: (error: T) => readonly Fact[],
): void {
  const toJSON = function (this: T): Record<string, unknown> {
    return errorAsJson(this);
  };
  Object.defineProperty(prototype, "toJSON", { value: toJSON, configurable: true, writable: true });
  if (facts === undefined) return;
  const inspect = function (this: T): string {
    const { cause } = this;
    const words = facts(this).map((each) => each.words).filter((each) => each !== "").join(", ");
    const because = cause instanceof Error ? `\n  cause: ${stackOf(cause)}` : "";
    return `${stackOf(this)} { ${words} }${because}`;
  };
  Object.defineProperty(prototype, INSPECT, { value: inspect, configurable: true, writable: true });
}

function stackOf({ name, message, stack }: Error): string {
  const head = `${name}: ${message}`;
  if (stack === undefined) return withoutQueries(head);
  // The engine of Bun gives the places alone.
  return withoutQueries(stack.includes(message) ? stack : `${head}\n${stack}`);
}

function errorAsJson(error: Error): Record<string, unknown> {
  const { name, message, cause } = error;
  const json: Record<string, unknown> = { name, message };
  for (const [key, value] of Object.entries(error)) if (key !== "cause") json[key] = jsonValue(value);
  if (cause instanceof Error) json["cause"] = jsonValue(cause);
  return json;
}

/** A text without the queries, fragments and user names of the URLs in it: runtimes put whole URLs into their errors. */
export function withoutQueries(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#@"'`()<>]*@)?([^\s?#"'`()<>]*)[?#]?[^\s"'`()<>]*/gi, "$1$2");
}

/** The members that show an object; `prototype` is that of its class, whose name another class of the user's replaces. */
function membersOf<T extends object>(
  portrait: Portrait<T>,
  prototype: object | null,
): {
  readonly inspect: (depth?: unknown, options?: { readonly depth?: unknown }) => string;
  readonly line: (isBrief: boolean) => string;
  readonly toJSON: () => Record<string, unknown>;
} {
  const line = function (this: T, isBrief: boolean): string {
    const own = prototype === null ? prototype : Object.getPrototypeOf(this);
    const name = own === prototype ? portrait.name : own?.constructor?.name || portrait.name;
    const words = factsOf(portrait, this).map((each) => each.words).filter((each) => each !== "");
    const told = (isBrief ? words.slice(0, BRIEF) : words).join(", ");
    return told === "" ? `${name} {}` : `${name} { ${told} }`;
  };
  const inspect = function (this: T, depth?: unknown, options?: { readonly depth?: unknown }): string {
    const most = options?.depth;
    return line.call(this, typeof depth === "number" && typeof most === "number" && depth < most);
  };
  const toJSON = function (this: T): Record<string, unknown> {
    const facts = factsOf(portrait, this).filter(({ value }) => value !== undefined);
    return Object.fromEntries(facts.map(({ name, value }) => [name, jsonValue(value)]));
  };
  return { inspect, line, toJSON };
}

/** A prototype or a proxy, which have nothing of what an object of the class has, are no reason for a log to fail. */
function factsOf<T>(portrait: Portrait<T>, value: T): readonly Fact[] {
  try {
    return portrait.facts(value);
  } catch (error) {
    if (error instanceof TypeError) return [];
    throw error;
  }
}

function defaultWords(name: string, value: unknown): string {
  if (value === undefined || value === null || value === false || value === "") return "";
  return value === true ? name : `${name} ${wordsOf(value)}`;
}

function wordsOf(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Uint8Array) return counted(value.byteLength, "byte");
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "no date" : value.toISOString();
  if (Array.isArray(value)) return `[${value.map(wordsOf).join(", ")}]`;
  return brief(value);
}

/** A value as JSON can have it: bigints in decimal, bytes in base64url; what has a form of its own keeps it. */
function jsonValue(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return toBase64Url(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  if (value instanceof ArrayBuffer) return toBase64Url(new Uint8Array(value));
  if (Array.isArray(value)) return value.map(jsonValue);
  if (value instanceof Error) return { name: value.name, message: withoutQueries(value.message) };
  if ("toJSON" in value) return value;
  if (value instanceof Map) return jsonValue(Object.fromEntries(value));
  if (value instanceof Set) return [...value].map(jsonValue);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonValue(member)]));
}
