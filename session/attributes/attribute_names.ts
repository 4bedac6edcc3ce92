/** Attributes by number, as the compiler knows them: the type of each value follows from the CKA_ name of its number. */
import type { CKA } from "../../ffi/constants/cka.ts";
import type { AttributeType } from "../../ffi/constants/flavor.ts";
import type { AttributeName } from "./attribute_table.ts";
import type { AttributeValues } from "./attribute_values.ts";

/** `keyType` of `KEY_TYPE`. */
export type CamelCase<S extends string> = S extends `${infer Head}_${infer Rest}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Rest>>}`
  : Lowercase<S>;

/** The names of the standard's attributes by their {@linkcode CKA} numbers; two of a number that has two. */
export type AttributeNames = {
  readonly [K in keyof typeof CKA as CamelCase<K> extends AttributeName ? (typeof CKA)[K] : never]: CamelCase<K>;
};

/** The numbers of the standard's attributes by their names. */
export type AttributeNumbers = { readonly [N in keyof AttributeNames as AttributeNames[N] & AttributeName]: N };

/** Any attribute, or none: of an object of which nobody says what was read when it was found. */
export type AnyAttribute = AttributeName | AttributeType | null;

/** Attributes that are read along with others, by the names of those. */
export interface AttributesReadAlong {
  /** The curve stands in the parameters. */
  readonly ecParams: "namedCurve";
  /** The parameters name the curve. */
  readonly namedCurve: "ecParams";
  /** The number of a set has a name. */
  readonly parameterSet: "parameterSetName" | "keyType";
  /** The name of a set stands for its number. */
  readonly parameterSetName: "parameterSet" | "keyType";
}

/** Attributes that were read, as they may be asked for: each by its name and by its number. */
export type ReadAttributeKey<R extends AttributeName | AttributeType> =
  | R
  | AttributeName & AttributeNames[R & keyof AttributeNames]
  | AttributeType & AttributeNumbers[R & keyof AttributeNumbers]
  | AttributesReadAlong[R & keyof AttributesReadAlong];

/** What an attribute reads as by its number: what is a number under its name may be a bigint here. */
export type NumberedValue<N extends keyof AttributeNames> = AttributeValues[AttributeNames[N] & AttributeName] extends
  infer V ? V extends number ? number | bigint : V extends number[] ? (number | bigint)[] : V
  : never;
