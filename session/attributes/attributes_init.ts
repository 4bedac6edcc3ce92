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
import type { Flavor } from "../../ffi/constants/flavor.ts";
import { CKA } from "../../ffi/constants/cka.ts";
import type { Version } from "../../ffi/memory/structs.ts";
import { ckDate, type TemplateEntry, type TemplateValue } from "../../ffi/memory/templates.ts";
import { attributeByName, attributeByType, type AttributeDefinition, type AttributeName } from "./attribute_table.ts";
import type { AttributeNames } from "./attribute_names.ts";
import { numberedType } from "./attribute_types.ts";
import type { AttributeValues } from "./attribute_values.ts";
import { Attributes } from "./attributes.ts";
import type { NamedCurve, ParameterSet, ParameterSetName } from "./named_parameters.ts";
import { checkFamily, curveEntry, type DerivedName, namedSet } from "./derived_attributes.ts";

/** What may be given for an attribute whose value reads as `V`. */
export type AttributeInput<V> = V extends boolean ? boolean
  : V extends number | bigint ? number | bigint
  : V extends string ? string | BytesInput
  : V extends Uint8Array ? BytesInput
  : V extends Date ? Date | BytesInput
  : V extends (number | bigint)[] ? readonly (number | bigint)[]
  : V extends Attributes ? TemplateInput
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
  | TemplateInput;

/** What may be given under the number of an attribute whose value reads as `V`: bytes may always be. */
export type NumberedInput<V> =
  | BytesInput
  | (V extends boolean ? boolean
    : V extends number ? number | bigint
    : V extends string | Uint8Array ? string
    : V extends Date ? Date | string
    : V extends number[] ? readonly (number | bigint)[]
    : V extends Attributes ? TemplateInput
    : never);

/** Attributes whose numbers are of a family of constants. */
export interface AttributeFamilies {
  /** Mechanisms the key may be used with. */
  readonly allowedMechanisms: "CKM";
  /** Types of certificates. */
  readonly certificateType: "CKC";
  /** Classes of objects. */
  readonly class: "CKO";
  /** Mechanisms that generate keys. */
  readonly keyGenMechanism: "CKM";
  /** Types of keys. */
  readonly keyType: "CKK";
  /** Mechanisms of mechanism objects. */
  readonly mechanismType: "CKM";
  /** Mechanisms of digests. */
  readonly nameHashAlgorithm: "CKM";
}

/** What may be given for an attribute whose numbers are of a family of constants. */
export type FamilyInput<V, N extends string> = V extends number[] ? readonly ((number & Flavor<N>) | bigint)[]
  : (number & Flavor<N>) | bigint;

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
      | (K extends keyof AttributeFamilies ? FamilyInput<AttributeValues[K], AttributeFamilies[K]>
        : AttributeInput<AttributeValues[K]>)
      | (K extends "id" | "value" ? string : never)
      | (K extends "parameterSet" ? ParameterSetName : never)
      | undefined;
  }
  & {
    /** The curve of an elliptic-curve key by its name, in place of `ecParams`. */
    namedCurve?: NamedCurve | undefined;
  }
  & { [N in keyof AttributeNames]?: NumberedInput<AttributeValues[AttributeNames[N] & AttributeName]> | undefined }
  & { [cka: number]: RawAttributeInput | undefined };

/** A template: attributes as they are written, or {@linkcode Attributes} as they were read, which all must have a value. */
export type TemplateInput = AttributesInit | Attributes;

/**
 * Checks a template and copies what it holds.
 *
 * @param keyType The CKK_ number of the key it is for, where the call says so.
 * @throws {TypeError} For an unknown name, a value of the wrong kind, a detached buffer, an attribute given twice.
 * @throws {RangeError} For a number that is no `CK_ULONG`, or a date that is no `CK_DATE`.
 */
export function compileTemplate(template: TemplateInput, keyType?: number): TemplateEntry[] {
  const init = templateInit(template);
  const entries: TemplateEntry[] = [];
  const types = new Set<number>();
  let set: ParameterSet | undefined;
  for (const key of Object.keys(init)) {
    const value = (init as Record<string, unknown>)[key];
    if (value === undefined) continue;
    if (key === "parameterSet" && typeof value === "string") set = namedSet(value);
    const entry = key === "namedCurve"
      ? curveEntry(value)
      : templateEntry(key, set?.name === value ? set?.number : value);
    if (types.has(entry.type)) {
      throw new TypeError(`Cannot use attribute ${key}: it is given twice, by another name or number`);
    }
    types.add(entry.type);
    entries.push(entry);
  }
  if (set !== undefined) checkFamily(set, entries.find(({ type }) => type === CKA.KEY_TYPE)?.value ?? keyType);
  return entries;
}

/**
 * A template as attributes are written.
 *
 * @throws {TypeError} For what is no template, and for attributes that were read without a value.
 */
export function templateInit(template: TemplateInput): AttributesInit {
  if (!(template instanceof Attributes)) {
    checkAttributes(template);
    return template;
  }
  if (template.size === 0) throw new TypeError("Cannot use attributes: none was read, and every object would match");
  return readInit(template);
}

function readInit(read: Attributes): AttributesInit {
  const init: Record<string, unknown> = {};
  for (const { name, type, state, value } of read) {
    if (value === undefined) {
      throw new TypeError(`Cannot use attribute ${name ?? type}: it was read without a value, its state is "${state}"`);
    }
    init[name ?? type] = value;
  }
  return init as AttributesInit;
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
function checkAttributes(init: unknown): asserts init is object {
  if (isPlainObject(init)) return;
  throw new TypeError(`Cannot use attributes: expected an object, got ${describeType(init)}`);
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
    return compileTemplate(value instanceof Attributes ? readInit(value) : value as AttributesInit);
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(`${error.message} (inside ${subject})`, { cause: error });
    throw error;
  }
}
