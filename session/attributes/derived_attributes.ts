/** Attributes by names of their own that stand in others: a curve's name in CKA_EC_PARAMS, a set's in CKA_PARAMETER_SET. */
import { describeType } from "../../ffi/memory/inputs.ts";
import { CKA } from "../../ffi/constants/cka.ts";
import { ckkName } from "../../ffi/constants/names.ts";
import type { TemplateEntry } from "../../ffi/memory/templates.ts";
import {
  curveByName,
  curveOfParameters,
  curveParameters,
  curves,
  type NamedCurve,
  type ParameterSet,
  parameterSetByName,
  parameterSetByNumber,
  type ParameterSetName,
  parameterSets,
} from "./named_parameters.ts";

/** Names that have no CKA_ number. */
export type DerivedName = "namedCurve" | "parameterSetName";

/** The attributes that are read for a name, besides its own. */
const SOURCES: ReadonlyMap<unknown, readonly number[]> = new Map<unknown, readonly number[]>([
  ["namedCurve", [CKA.EC_PARAMS]],
  ["parameterSetName", [CKA.PARAMETER_SET, CKA.KEY_TYPE]],
  // The name of a set needs the key's type: each family counts its sets from one.
  ["parameterSet", [CKA.PARAMETER_SET, CKA.KEY_TYPE]],
]);

/** The numbers that a name is read by; undefined for ordinary attributes. */
export function derivedSources(name: unknown): readonly number[] | undefined {
  return SOURCES.get(name);
}

/** Whether a name is one of these. */
export function isDerived(name: unknown): name is DerivedName {
  return name === "namedCurve" || name === "parameterSetName";
}

/** The value of such a name; `value` gives those of its sources. */
export function derivedValue(
  name: DerivedName,
  value: (type: number) => unknown,
): NamedCurve | ParameterSetName | undefined {
  if (name === "namedCurve") {
    const parameters = value(CKA.EC_PARAMS);
    return parameters instanceof Uint8Array ? curveOfParameters(parameters)?.name : undefined;
  }
  const number = value(CKA.PARAMETER_SET);
  const keyType = value(CKA.KEY_TYPE);
  if (number === undefined || keyType === undefined) return undefined;
  return parameterSetByNumber(Number(keyType), Number(number))?.name;
}

/**
 * CKA_EC_PARAMS of a curve's name.
 *
 * @throws {TypeError} For a name that is none.
 */
export function curveEntry(name: unknown): TemplateEntry {
  const curve = typeof name === "string" ? curveByName(name) : undefined;
  if (curve !== undefined) return { type: CKA.EC_PARAMS, value: curveParameters(curve) };
  const got = typeof name === "string" ? JSON.stringify(name) : describeType(name);
  const known = curves.map((each) => each.name).join(", ");
  throw new TypeError(`Cannot use attribute namedCurve: expected one of ${known}, got ${got}`);
}

/**
 * The parameter set of a name.
 *
 * @throws {TypeError} For a name that is none.
 */
export function namedSet(name: string): ParameterSet {
  const set = parameterSetByName(name);
  if (set !== undefined) return set;
  const known = parameterSets.map((each) => each.name).join(", ");
  throw new TypeError(
    `Cannot use attribute parameterSet: expected a number or one of ${known}, got ${JSON.stringify(name)}`,
  );
}

/**
 * Refuses the name of a set of another family than the key is of: ML-DSA-65 and ML-KEM-768 are both number 2.
 *
 * @throws {TypeError} When the families differ.
 */
export function checkFamily(set: ParameterSet, keyType: unknown): void {
  if (keyType === undefined || Number(keyType) === set.keyType) return;
  throw new TypeError(
    `Cannot use attribute parameterSet: ${set.name} is of ${set.family}, the key is ${ckkName(Number(keyType))}`,
  );
}
