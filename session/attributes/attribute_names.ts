/** Attributes by number, as the compiler knows them: the type of each value follows from the CKA_ name of its number. */
import type { CKA } from "../../ffi/constants/cka.ts";
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

/** What an attribute reads as by its number: what is a number under its name may be a bigint here. */
export type NumberedValue<N extends keyof AttributeNames> = AttributeValues[AttributeNames[N] & AttributeName] extends
  infer V ? V extends number ? number | bigint : V extends number[] ? (number | bigint)[] : V
  : never;
