// Calls the runtime's garbage collector, where that can be done without an option of the command line.
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = () => void;

function find(): Collect | null {
  const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  try {
    setFlagsFromString("--expose-gc");
    const collect: unknown = process.versions["deno"] ? (globalThis as { gc?: Collect }).gc : runInNewContext("gc");
    return typeof collect === "function" ? collect as Collect : null;
  } catch {
    return null;
  }
}

/** Collects garbage; null where nobody can. */
export const collectGarbage: Collect | null = find();
