/** Attributes that callers name: their numbers. */
import { checkType, describeType } from "../../ffi/memory/inputs.ts";
import { attributeByName, type AttributeName, readRequest, suggestAttributeName } from "./attribute_table.ts";
import { derivedSources } from "./derived_attributes.ts";
import { ReadPlan } from "../../ffi/attributes/read_plan.ts";

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

/**
 * The number that stands as text where a name may stand.
 *
 * @throws {TypeError} For text that is no number, which is a name there is none of.
 */
export function numberedType(key: string): number {
  if (/^-?\d+$/.test(key)) return checkType(Number(key), `attribute ${key}`);
  const suggestion = suggestAttributeName(key);
  const help = suggestion ? `; did you mean "${suggestion}"?` : "";
  throw new TypeError(`Cannot use attribute "${key}": there is no attribute of this name${help}`);
}

const plans = new Map<string, ReadPlan>();
const MAX_PLANS = 256;

/** How to read attributes; plans are kept, as programs read the same few again and again. */
export function readPlan(names: readonly (AttributeName | number)[]): ReadPlan {
  const types = attributeTypes(names);
  const key = types.join();
  let plan = plans.get(key);
  if (!plan) {
    plan = new ReadPlan(types.map(readRequest), readRequest);
    if (plans.size >= MAX_PLANS) plans.clear();
    plans.set(key, plan);
  }
  return plan;
}
