// undici's own tests of fetch that concern HTTP/2, with session.fetch in place of its fetch, on each runtime; a part of
// deno task test:peers. They are in no published package: they come from undici's repository, or from a clone of it.
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { clonedSources, type Repository } from "../cloned_sources.ts";
import { run } from "../runner/process.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "../runner/runtimes.ts";
import { say } from "../say.ts";

const undici: Repository = {
  name: "undici",
  home: "https://github.com/nodejs",
  commit: "7eb7c8ec8f23acd9c3da93a286162f8c1dc68326",
};

/** How many have to be right: what is found no more is not passed over in silence. */
const LEAST = 13;

const options: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "-A", "--no-check", "--quiet", "--v8-flags=--expose-gc", "--import-map=tests/offline.import_map.json"],
  bun: ["run", "--expose-gc"],
  node: ["--no-warnings", "--expose-gc"],
};

/** Runs them on the runtimes; answers on how many something was wrong, or null where the sources cannot be had. */
export async function tryUndiciTests(clones: string | undefined): Promise<number | null> {
  const sources = clonedSources(undici, temporaryFolder("undici"), clones);
  if (sources === null) return null;
  await using certificates = await makeCertificates();
  const { certFile, keyFile } = certificates.good;
  let failures = 0;
  for (const runtime of runtimeNames) {
    const program = fileURLToPath(new URL("program.ts", import.meta.url));
    const command = [await runtimeProgram(runtime), ...options[runtime], program, sources, certFile, keyFile];
    const { code, output } = await run(command, { timeoutMs: 600_000, env: { NO_COLOR: "1" } });
    const right = output.match(/^ok {3}/gm)?.length ?? 0;
    const isRight = code === 0 && right >= LEAST;
    say(`${isRight ? "ok  " : "FAIL"} ${"undici's HTTP/2 tests".padEnd(20)} ${runtime.padEnd(5)} ${right} passing`);
    if (isRight) continue;
    say(output.slice(-4000));
    failures++;
  }
  return failures;
}
