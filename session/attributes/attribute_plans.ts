/** How attributes are read, kept from one reading to the next. */
import { ReadPlan } from "../../ffi/attributes/read_plan.ts";
import { type AttributeName, readRequest } from "./attribute_table.ts";
import { attributeTypes } from "./attribute_types.ts";

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
