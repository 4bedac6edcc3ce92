/** The oldest runtimes that can do what the library does, and the sentence for those that are older. */
import { runtimeName, runtimeVersions } from "./runtime.ts";

/** What a runtime is asked for, in the words of the sentence. */
export type RuntimeUse = "PKCS#11 modules" | "HTTP sessions" | "TLS over sockets";

/** A version, the number of its patch only where that matters. */
type Version = readonly [major: number, minor: number, patch?: number];

/** The oldest version of each runtime by what it is asked for, under its name in `process.versions`. */
export const oldestRuntimes: Readonly<Record<RuntimeUse, { deno: Version; bun: Version; node: Version }>> = {
  // Bun before 1.3.7 dies when a worker thread ends that has linked a function by its address.
  "PKCS#11 modules": { deno: [2, 5], bun: [1, 3, 7], node: [26, 0] },
  // Node has process.getBuiltinModule from 22.3.
  "HTTP sessions": { deno: [2, 5], bun: [1, 3], node: [22, 3] },
  // On Deno 2.5, 2.6 and early 2.7 node:tls calls every certificate authorized, and a handshake over a socket that reads
  // already never ends: the read that waits takes the server's first bytes.
  "TLS over sockets": { deno: [2, 8], bun: [1, 3], node: [22, 3] },
};

const names = { deno: "Deno", bun: "Bun", node: "Node" } as const;

/**
 * Refuses a runtime that is too old for something.
 *
 * @throws Error one sentence that says what is needed
 */
export function requireRuntime(
  use: RuntimeUse,
  versions: Readonly<Record<string, string | undefined>> = runtimeVersions,
): void {
  if (isNewEnough(use, versions)) return;
  const runtime = runtimeName(versions);
  const oldest = oldestRuntimes[use];
  const version = versions[runtime] ?? "";
  const needed = Object.entries(names).map(([key, name]) => `${name} ${textOf(oldest[key as keyof typeof names])}`);
  throw new Error(
    `Cannot use ${use} on ${names[runtime]} ${version}: they need ${needed.slice(0, -1).join(", ")} or ${
      needed.at(-1)
    }, or a later version`,
  );
}

/** Whether a runtime can do something. */
export function isNewEnough(
  use: RuntimeUse,
  versions: Readonly<Record<string, string | undefined>> = runtimeVersions,
): boolean {
  const runtime = runtimeName(versions);
  const [major = 0, minor = 0, patch = 0] = (versions[runtime] ?? "").split(".").map((part) => parseInt(part, 10));
  const [wantedMajor, wantedMinor, wantedPatch = 0] = oldestRuntimes[use][runtime];
  return (major - wantedMajor || minor - wantedMinor || patch - wantedPatch) >= 0;
}

/** A version without the numbers that say nothing: Node 26, Deno 2.5. */
function textOf(version: Version): string {
  return version.join(".").replace(/\.0$/, "");
}
