/** Which runtime this is: the one place that looks. */
import process from "node:process";

/** The runtimes this library knows. */
export type RuntimeName = "deno" | "bun" | "node";

/** A runtime as messages name it: one of those, or one of which nothing is known here. */
export type RuntimeLabel = RuntimeName | (string & Record<never, never>);

/** The runtime that these versions are of. */
export function runtimeName(versions: Readonly<Record<string, string | undefined>> = process.versions): RuntimeName {
  return versions["deno"] ? "deno" : versions["bun"] ? "bun" : "node";
}
