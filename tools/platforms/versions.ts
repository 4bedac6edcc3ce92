// deno task test:versions: tokens and HTTP on the oldest runtimes the library works on, and on those the suite runs on.
import type { RuntimeUse } from "../../internal/runtime.ts";
import { Report } from "../runner/report.ts";
import { fetchedRuntime, type RuntimeName, runtimeProgram } from "../runner/runtimes.ts";
import { runSuite } from "../runner/suite.ts";
import { runMain } from "../run_main.ts";
import { setUp } from "../setup.ts";

/** A version the smoke runs on. */
interface TestedVersion {
  readonly runtime: RuntimeName;
  readonly version: string;
  readonly use: RuntimeUse;
}

const smoke: Record<RuntimeUse, string> = {
  "PKCS#11 modules": "tests/session/tokens/smoke_test.ts",
  "HTTP sessions": "tests/http/session/smoke_test.ts",
  "TLS over sockets": "tests/http/session/smoke_test.ts",
};

/**
 * The oldest versions. Node reads TypeScript from 22.18 on and has node:ffi without a flag from 26.9 on; what is older is
 * given JavaScript, or the flag.
 */
export const oldestTested: readonly TestedVersion[] = [
  { runtime: "deno", version: "2.5.0", use: "PKCS#11 modules" },
  { runtime: "deno", version: "2.5.0", use: "HTTP sessions" },
  { runtime: "deno", version: "2.8.0", use: "TLS over sockets" },
  { runtime: "bun", version: "1.3.7", use: "PKCS#11 modules" },
  { runtime: "bun", version: "1.3.0", use: "HTTP sessions" },
  { runtime: "node", version: "22.18.0", use: "HTTP sessions" },
  { runtime: "node", version: "26.9.0", use: "PKCS#11 modules" },
];

async function main(): Promise<number> {
  await setUp("tests");
  const report = new Report();
  for (const { runtime, version, use } of oldestTested) {
    const suite = {
      runtime,
      area: `${version} ${use}`,
      files: [smoke[use]],
      apart: true,
      withoutConfig: true,
    } as const;
    report.add(await runSuite(suite, fetchedRuntime(runtime, version)));
  }
  for (const runtime of ["deno", "bun", "node"] as const) {
    const suite = { runtime, area: "newest", files: [...new Set(Object.values(smoke))] };
    report.add(await runSuite(suite, await runtimeProgram(runtime)));
  }
  return report.close();
}

if (import.meta.main) {
  await runMain(main);
}
