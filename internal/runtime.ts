/** Which runtime this is, and what one of them does otherwise: the one place that looks. */
import process from "node:process";

/** The runtimes this library knows. */
export type RuntimeName = "deno" | "bun" | "node";

/** A runtime as messages name it: one of those, or one of which nothing is known here. */
export type RuntimeLabel = RuntimeName | (string & Record<never, never>);

/** The runtime that these versions are of. */
export function runtimeName(versions: Readonly<Record<string, string | undefined>> = process.versions): RuntimeName {
  return versions["deno"] ? "deno" : versions["bun"] ? "bun" : "node";
}

/** Every runtime asks a value by this symbol how it is to be shown. */
export const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** Deno asks events and their targets, where they stand in other values, by one of its own before. */
export const INSPECT_FIRST: unique symbol = Symbol.for("Deno.privateCustomInspect");
