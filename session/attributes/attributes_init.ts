/** Attribute templates as callers write them, checked and copied before C sees them. */
import {
  type BytesInput,
  checkType,
  checkUlong,
  copyBytes,
  describeType,
  isBytesInput,
  isPlainObject,
  wellFormed,
} from "../../ffi/memory/inputs.ts";
import { CKA } from "../../ffi/constants/cka.ts";
import type { Version } from "../../ffi/memory/structs.ts";
import { ckDate, type TemplateEntry, type TemplateValue } from "../../ffi/memory/templates.ts";
import {
  attributeByName,
  attributeByType,
  type AttributeDefinition,
  type AttributeName,
  suggestAttributeName,
} from "./attribute_table.ts";
import type { AttributeValues } from "./attribute_values.ts";
import type { Attributes } from "./attributes.ts";
import type { NamedCurve } from "./curves.ts";
import { checkFamily, curveEntry, type DerivedName, derivedSources, namedSet } from "./derived_attributes.ts";
import type { ParameterSet, ParameterSetName } from "./parameter_sets.ts";

/** What may be given for an attribute whose value reads as `V`. */
export type AttributeInput<V> = V extends boolean ? boolean
  : V extends number | bigint ? number | bigint
  : V extends string ? string | BytesInput
  : V extends Uint8Array ? BytesInput
  : V extends Date ? Date | BytesInput
  : V extends (number | bigint)[] ? readonly (number | bigint)[]
  : V extends Attributes ? AttributesInit
  : V extends Version ? Version
  : never;

/** What may be given for an attribute named by its number. */
export type RawAttributeInput =
  | boolean
  | number
  | bigint
  | string
  | Date
  | BytesInput
  | readonly (number | bigint)[]
  | AttributesInit;

/**
 * Attributes to create, change or look for, by camelCase name or by {@linkcode CKA} number. Values under a number go
 * to the token as their JavaScript type says: booleans as `CK_BBOOL`, numbers and bigints as `CK_ULONG`, strings in
 * UTF-8, dates as `CK_DATE` in UTC, bytes as they are. Values under a name must be of the attribute's kind. Text is taken
 * where text is meant: of attributes that are bytes, `id` and `value` take it too, in UTF-8. Members that are `undefined`
 * are left out.
 *
 * @example A template
 * ```ts
 * import { type AttributesInit, CKA, CKK, CKO } from "@gp11/gp11";
 *
 * const template: AttributesInit = { class: CKO.SECRET_KEY, keyType: CKK.AES, label: "backup", [CKA.VALUE_LEN]: 32 };
 * ```
 */
export type AttributesInit =
  & {
    [K in Exclude<AttributeName, DerivedName>]?:
      | AttributeInput<AttributeValues[K]>
      | (K extends "id" | "value" ? string : never)
      | (K extends "parameterSet" ? ParameterSetName : never)
      | undefined;
  }
  & {
    /** The curve of an elliptic-curve key by its name, in place of `ecParams`. */
    namedCurve?: NamedCurve | undefined;
  }
  & { [cka: number]: RawAttributeInput | undefined };

/**
 * Checks a template and copies what it holds.
 *
 * @param keyType The CKK_ number of the key it is for, where the call says so.
 * @throws {TypeError} For an unknown name, a value of the wrong kind, a detached buffer, an attribute given twice.
 * @throws {RangeError} For a number that is no `CK_ULONG`, or a date that is no `CK_DATE`.
 */
export function compileTemplate(init: AttributesInit, keyType?: number): TemplateEntry[] {
  checkAttributes(init);
  const entries: TemplateEntry[] = [];
  let set: ParameterSet | undefined;
  for (const key of Object.keys(init)) {
    const value = (init as Record<string, unknown>)[key];
    if (value === undefined) continue;
    if (key === "parameterSet" && typeof value === "string") set = namedSet(value);
    const entry = key === "namedCurve"
      ? curveEntry(value)
      : templateEntry(key, set?.name === value ? set?.number : value);
    if (entries.some(({ type }) => type === entry.type)) {
      throw new TypeError(`Cannot use attribute ${key}: it is given twice, by another name or number`);
    }
    entries.push(entry);
  }
  if (set !== undefined) checkFamily(set, entries.find(({ type }) => type === CKA.KEY_TYPE)?.value ?? keyType);
  return entries;
}

function templateEntry(key: string, value: unknown): TemplateEntry {
  const named = attributeByName(key);
  return named
    ? { type: named.type, value: namedValue(named, value) }
    : { type: numberedType(key), value: numberedValue(key, value) };
}

/**
 * Checks that something is an object of attributes: what an instance of a class has is none of its own members, and it
 * would be an empty template without a word.
 *
 * @throws {TypeError} For anything else.
 */
export function checkAttributes(init: unknown): asserts init is object {
  if (isPlainObject(init)) return;
  throw new TypeError(`Cannot use attributes: expected an object, got ${describeType(init)}`);
}

/** The numbers of attributes given by name or number. */
export function attributeTypes(names: readonly (AttributeName | number)[]): number[] {
  if (!Array.isArray(names)) {
    throw new TypeError(`Cannot read attributes: expected an array of names, got ${describeType(names)}`);
  }
  const types = names.flatMap((name) => derivedSources(name) ?? attributeType(name));
  return types.length === names.length ? types : [...new Set(types)];
}

/**
 * The number of an attribute given by name or number.
 *
 * @throws {TypeError} For an unknown name.
 */
export function attributeType(name: AttributeName | number): number {
  if (typeof name !== "string") return checkType(name, "an attribute type");
  return attributeByName(name)?.type ?? derivedSources(name)?.[0] ?? numberedType(name);
}

function numberedType(key: string): number {
  if (/^-?\d+$/.test(key)) return checkType(Number(key), `attribute ${key}`);
  const suggestion = suggestAttributeName(key);
  const help = suggestion ? `; did you mean "${suggestion}"?` : "";
  throw new TypeError(`Cannot use attribute "${key}": there is no attribute of this name${help}`);
}

function numberedValue(key: string, value: unknown): TemplateValue {
  const known = attributeByType(Number(key) >>> 0);
  const subject = known ? `attribute ${key} (${known.name})` : `attribute ${key}`;
  if (typeof value === "boolean") return value;
  if (typeof value === "string" && (!known || takesText(known))) return wellFormed(value, subject);
  if (typeof value === "string") throw wrongKind(subject, EXPECTED[known!.kind], value);
  if (typeof value === "number" || typeof value === "bigint") return checkUlong(value, subject);
  if (value instanceof Date) return checkDate(value, subject);
  if (isBytesInput(value)) return copyBytes(value, subject);
  if (Array.isArray(value)) return checkUlongs(value, subject);
  if (known?.kind === "template" && typeof value === "object" && value !== null) return nested(value, subject);
  throw wrongKind(subject, "a boolean, number, bigint, string, Date or bytes", value);
}

/** What each kind of attribute takes, in words. */
const EXPECTED: { readonly [kind in AttributeDefinition["kind"]]: string } = {
  boolean: "a boolean",
  bytes: "bytes",
  date: "a Date",
  string: "a string",
  template: "an object of attributes",
  ulong: "a number or a bigint",
  ulongs: "an array of numbers",
  version: "{ major, minor }",
};

/** Attributes of bytes in which many programs keep text. */
const TEXT_BYTES: ReadonlySet<string> = new Set(["id", "value"]);

/** Whether text can be meant: the letters of "65537" or "P-256" are no exponent and no curve. */
function takesText({ name, kind }: AttributeDefinition): boolean {
  return kind === "string" || TEXT_BYTES.has(name);
}

function namedValue(definition: AttributeDefinition, value: unknown): TemplateValue {
  const { name, kind } = definition;
  const subject = `attribute ${name}`;
  if (kind === "boolean" && typeof value === "boolean") return value;
  if (kind === "ulong" && (typeof value === "number" || typeof value === "bigint")) return checkUlong(value, subject);
  if (typeof value === "string" && takesText(definition)) return wellFormed(value, subject);
  if ((kind === "string" || kind === "bytes" || kind === "date") && isBytesInput(value)) {
    return copyBytes(value, subject);
  }
  if (kind === "date" && value instanceof Date) return checkDate(value, subject);
  if (kind === "ulongs" && Array.isArray(value)) return checkUlongs(value, subject);
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !isBytesInput(value)) {
    if (kind === "template" && !(value instanceof Date)) return nested(value, subject);
    if (kind === "version" && "major" in value && "minor" in value) return checkVersion(value, subject);
  }
  throw wrongKind(subject, EXPECTED[kind], value);
}

function wrongKind(subject: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Cannot use ${subject}: expected ${expected}, got ${describeType(value)}`);
}

function checkDate(value: Date, subject: string): Date {
  if (Number.isNaN(value.getTime())) throw new RangeError(`Cannot use ${subject}: the date is invalid`);
  ckDate(value);
  return new Date(value);
}

function checkUlongs(values: readonly unknown[], subject: string): (number | bigint)[] {
  return values.map((value) => typeof value === "number" ? checkType(value, subject) : checkUlong(value, subject));
}

function checkVersion(value: { major: unknown; minor: unknown }, subject: string): Version {
  for (const part of [value.major, value.minor]) {
    if (typeof part === "number" && Number.isInteger(part) && part >= 0 && part <= 255) continue;
    throw new RangeError(`Cannot use ${subject}: major and minor must be integers from 0 to 255`);
  }
  return { major: value.major as number, minor: value.minor as number };
}

function nested(value: object, subject: string): TemplateEntry[] {
  try {
    return compileTemplate(value as AttributesInit);
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(`${error.message} (inside ${subject})`, { cause: error });
    throw error;
  }
}
