/** The attributes of an object as they were read. */
import { toHex } from "../../internal/bytes.ts";
import { checkIterable } from "../../internal/expected.ts";
import { type Fact, fact, inspectable, lineOf, type Portrait, quoted, shownAs } from "../../internal/inspection.ts";
import { CopiedAttributes } from "../../ffi/attributes/attribute_copy.ts";
import type { AttributeState, ReadAttribute } from "../../ffi/attributes/attribute.ts";
import { CKA } from "../../ffi/constants/cka.ts";
import type { AttributeType } from "../../ffi/constants/flavor.ts";
import { ckaName, ckcName, ckkName, ckmName, ckoName } from "../../ffi/constants/names.ts";
import { CKO } from "../../ffi/constants/objects.ts";
import type { Version } from "../../ffi/memory/structs.ts";
import { attributeByType, type AttributeName, readRequest } from "./attribute_table.ts";
import type { AttributeNames, NumberedValue, ReadAttributeKey } from "./attribute_names.ts";
import type { AttributeValues } from "./attribute_values.ts";
import { attributeType } from "./attribute_types.ts";
import { derivedValue, isDerived } from "./derived_attributes.ts";
import type { ParameterSetName } from "./named_parameters.ts";
import { Pkcs11Error } from "../errors.ts";

/** A value an attribute can have; attributes nobody has described read as bytes. */
export type AttributeValue =
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array<ArrayBuffer>
  | Version
  | (number | bigint)[]
  | Attributes;

/** What an attribute reads as, by its name or {@linkcode CKA} number; a vendor's as it comes. */
export type ValueOf<K> = K extends AttributeName ? AttributeValues[K]
  : K extends keyof AttributeNames ? NumberedValue<K>
  : AttributeValue;

/** The values of some attributes, typed by name and by {@linkcode CKA} number; vendors' as they come. */
export type AttributeSubset<N extends AttributeName | number> =
  & { [K in N]: ValueOf<K> | undefined }
  & ("parameterSet" extends N ? { parameterSetName: ParameterSetName | undefined } : unknown);

/** One attribute that was read. */
export interface Attribute {
  /** Its number. */
  readonly type: number;
  /** Its camelCase name; `undefined` for vendors' attributes. */
  readonly name: AttributeName | undefined;
  /** Why it has no value, or `ok`. */
  readonly state: AttributeState;
  /** Its value; `undefined` where there is none. */
  readonly value: AttributeValue | undefined;
  /** With the state `error`: why it could not be read. */
  readonly error?: Error | undefined;
}

/** Classes whose CKA_VALUE is public. */
const PUBLIC_CLASSES: ReadonlySet<unknown> = new Set([
  CKO.CERTIFICATE,
  CKO.DOMAIN_PARAMETERS,
  CKO.HW_FEATURE,
  CKO.PUBLIC_KEY,
  CKO.TRUST,
]);

/** Wraps what was read. */
export let attributesOf: <R extends AttributeName | AttributeType = AttributeName | AttributeType>(
  read: readonly ReadAttribute[] | CopiedAttributes,
) => Attributes<R>;

/**
 * Attributes read from an object, in the order they were asked for. An attribute that could not be read is no error:
 * its value is `undefined` and {@linkcode Attributes.state} tells why (PKCS#11 3.2 §5.7.5). They come from
 * {@linkcode Pkcs11Object.getAttributes} and from `findObjects(match, { read })`; `R` is what was asked for there, and
 * {@linkcode Attributes.get} takes nothing else.
 */
export class Attributes<R extends AttributeName | AttributeType = AttributeName | AttributeType>
  implements Iterable<Attribute> {
  readonly #read: readonly ReadAttribute[] | CopiedAttributes;
  /** Made when it is first asked for: most programs look at one or two values of many objects. */
  #wrapped: ReadonlyMap<number, Attribute> | undefined;

  static {
    attributesOf = (read) => new Attributes(read);
    inspectable(Attributes, "Attributes", (attributes) => {
      const isPublic = PUBLIC_CLASSES.has(attributes.#byType.get(CKA.CLASS)?.value);
      return [...attributes].map((attribute) => factOf(attribute, isPublic));
    });
  }

  private constructor(attributes: readonly ReadAttribute[] | CopiedAttributes) {
    this.#read = attributes;
  }

  get #byType(): ReadonlyMap<number, Attribute> {
    if (this.#wrapped) return this.#wrapped;
    const all = this.#read instanceof CopiedAttributes ? this.#read.all() : this.#read;
    return this.#wrapped = new Map(all.map((attribute) => [attribute.type, wrapped(attribute)]));
  }

  #find(name: AttributeName | number): ReadAttribute | Attribute | undefined {
    const type = attributeType(name);
    const read = this.#read instanceof CopiedAttributes
      ? this.#read.find(type)
      : this.#read.find((attribute) => attribute.type === type);
    // What is nested is wrapped once, so that the same object is given each time.
    return Array.isArray(read?.value) ? this.#byType.get(type) : read;
  }

  /** How many attributes were asked for. */
  get size(): number {
    return this.#byType.size;
  }

  /**
   * The value of an attribute; `undefined` when it was not read or has none.
   *
   * @param name Its camelCase name or its {@linkcode CKA} number.
   * @throws {TypeError} When there is no attribute of this name.
   */
  get<const K extends ReadAttributeKey<R>>(name: K): ValueOf<K> | undefined {
    return this.#value(name) as ValueOf<K> | undefined;
  }

  #value(name: AttributeName | number): AttributeValue | undefined {
    if (isDerived(name)) return derivedValue(name, (type) => this.#find(type)?.value);
    const value = this.#find(name)?.value as AttributeValue | undefined;
    return typeof name === "string" && isInexact(value) ? undefined : value;
  }

  /**
   * How an attribute fared: `ok`, `sensitive` when the token keeps the value to itself, `invalid` when the object has
   * no such attribute or it was not asked for, `empty` when its length is zero, `error` when it could not be read: see
   * {@linkcode Attributes.error}.
   *
   * @throws {TypeError} When there is no attribute of this name.
   */
  state(name: AttributeName | number): AttributeState {
    const found = this.#find(name);
    return found === undefined ? "invalid" : typeof name === "string" && isInexact(found.value) ? "error" : found.state;
  }

  /**
   * Why an attribute could not be read, with the state `error`: the module's answer ({@linkcode Pkcs11Error}), or a
   * RangeError where the module gave what is no value of the attribute.
   *
   * @throws {TypeError} When there is no attribute of this name.
   */
  error(name: AttributeName | number): Error | undefined {
    const found = this.#byType.get(attributeType(name));
    if (typeof name !== "string" || !isInexact(found?.value)) return found?.error;
    return new RangeError(
      `Cannot read the attribute ${name}: ${found?.value} is above 2^53; read it by its CKA number`,
    );
  }

  /** Whether an attribute was asked for. */
  has(name: AttributeName | number): boolean {
    return this.#byType.has(attributeType(name));
  }

  /** The values as a plain object under the names and numbers given; those without a value are `undefined`. */
  pick<const N extends ReadAttributeKey<R>>(names: readonly N[]): AttributeSubset<N> {
    checkIterable("pick attributes", names, "a list of names and numbers");
    const values: Record<string | number, AttributeValue | undefined> = {};
    for (const name of names) {
      values[name] = this.#value(name);
      if (name === "parameterSet") values["parameterSetName"] = this.#value("parameterSetName");
    }
    return shownAs(subset, values) as AttributeSubset<N>;
  }

  /** The attributes in the order they were asked for. */
  [Symbol.iterator](): IterableIterator<Attribute> {
    return this.#byType.values();
  }

  /** All attributes in one line; secret values, and values that may be secret, are not shown. */
  toString(): string {
    return lineOf(this);
  }
}

/** An attribute as it may be shown; of a secret there is that it is one. */
function factOf(attribute: Attribute, isPublic: boolean): Fact {
  const { state, type, value } = attribute;
  const name = attribute.name ?? ckaName(type);
  if (value === undefined) return fact(name, undefined, `${name}: <${state}>`);
  if (isSecret(type, isPublic)) return fact(name, undefined, `${name}: <not shown>`);
  return fact(name, value, `${name}: ${shown(type, value)}`);
}

function isSecret(type: number, isPublic: boolean): boolean {
  return readRequest(type).secret && !(isPublic && type === CKA.VALUE);
}

/** What was read of an object into a plain one, under the names and numbers that were given. */
const subset: Portrait<Record<string | number, AttributeValue | undefined>> = {
  name: "Attributes",
  facts(values) {
    const isPublic = PUBLIC_CLASSES.has(values["class"] ?? values[CKA.CLASS]);
    return Object.entries(values).map(([name, value]) => {
      if (value === undefined) return fact(name, undefined, `${name}: undefined`);
      if (isDerived(name)) return fact(name, value, `${name}: ${String(value)}`);
      const type = attributeType(/^\d+$/.test(name) ? Number(name) : name as AttributeName);
      return factOf({ type, name: name as AttributeName, state: "ok", value }, isPublic);
    });
  },
};

/** Whether a number, or one of several, is above what a JavaScript number holds. */
function isInexact(value: unknown): boolean {
  return typeof value === "bigint" || Array.isArray(value) && value.some((item) => typeof item === "bigint");
}

function wrapped(read: ReadAttribute): Attribute {
  const { type, state, value } = read;
  const name = attributeByType(type)?.name;
  const error = errorOf(read);
  if (error) return { type, name, state, value: undefined, error };
  if (readRequest(type).kind !== "template" || !Array.isArray(value)) {
    return { type, name, state, value: value as Exclude<typeof value, ReadAttribute[]> };
  }
  return { type, name, state, value: attributesOf(value as ReadAttribute[]) };
}

function errorOf({ type, failure }: ReadAttribute): Error | undefined {
  if (failure === undefined) return undefined;
  const action = `read the attribute ${attributeByType(type)?.name ?? ckaName(type)}`;
  if (typeof failure === "number") return new Pkcs11Error(failure, "C_GetAttributeValue", { action });
  return new RangeError(`Cannot ${action}: ${failure}`);
}

function shown(type: number, value: AttributeValue): string {
  if (typeof value === "string") return quoted(value);
  if (value instanceof Uint8Array) return hex(value);
  if (value instanceof Date) return value.toISOString().slice(0, 10);
  if (Array.isArray(value)) return `[${value.map((item) => numberShown(type, item)).join(", ")}]`;
  if (typeof value === "number" || typeof value === "bigint") return numberShown(type, value);
  if (typeof value === "object" && "major" in value) return `${value.major}.${value.minor}`;
  return String(value);
}

/** Names of the numbers an attribute can have. */
const NUMBER_NAMES = new Map<number, (value: number | bigint) => string>([
  [CKA.ALLOWED_MECHANISMS, ckmName],
  [CKA.CERTIFICATE_TYPE, ckcName],
  [CKA.CLASS, ckoName],
  [CKA.KEY_GEN_MECHANISM, ckmName],
  [CKA.KEY_TYPE, ckkName],
  [CKA.MECHANISM_TYPE, ckmName],
  [CKA.NAME_HASH_ALGORITHM, ckmName],
]);

function numberShown(type: number, value: number | bigint): string {
  return NUMBER_NAMES.get(type)?.(value) ?? String(value);
}

const SHOWN_BYTES = 32;

function hex(bytes: Uint8Array): string {
  const text = toHex(bytes.subarray(0, SHOWN_BYTES));
  return bytes.length > SHOWN_BYTES ? `${text}… (${bytes.length} bytes)` : text || "<empty>";
}
