/**
 * Which half of a pair an operation takes.
 *
 * @module
 */
import type { KeySlots } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";

/** @throws {DOMException} InvalidAccessError for the other half */
export function checkType({ algorithm, type }: KeySlots, wanted: KeySlots["type"], action: string): void {
  if (type === wanted) return;
  throw refusal("InvalidAccessError", `Cannot ${action} with ${algorithm.name}: the key is ${type}, not ${wanted}`);
}
