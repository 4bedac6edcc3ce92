/** Which runtime this is, for errors that name it. */
import process from "node:process";

/** "deno", "bun" or "node". */
export function runtimeName(): "deno" | "bun" | "node" {
  const { versions } = process;
  return versions.bun ? "bun" : versions.deno ? "deno" : "node";
}
