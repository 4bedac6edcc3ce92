// deno task demo: sets up a token in software, then runs examples/demo.ts on it.
//
//   deno task demo                  on Deno
//   deno task demo --runtime=bun    on Bun, or node
import { softhsmPath } from "./native_libraries.ts";
import { run } from "./runner/process.ts";
import { runtimeNames, runtimeProgram } from "./runner/runtimes.ts";
import { runMain } from "./run_main.ts";
import { setUp } from "./setup.ts";
import { createTokenFolder } from "./token_folder.ts";

const program = "examples/demo.ts";

const programArguments = {
  deno: ["run", "-A", "--quiet", "--import-map=tests/offline.import_map.json", program],
  bun: [program],
  node: ["--disable-warning=ExperimentalWarning", "--import", "./tests/_std/node_hooks.mjs", program],
} as const;

async function main(args: readonly string[]): Promise<number> {
  const chosen = args.find((arg) => arg.startsWith("--runtime="))?.slice("--runtime=".length) ?? "deno";
  const runtime = runtimeNames.find((name) => name === chosen);
  if (!runtime) throw new TypeError(`Cannot run the demo on "${chosen}": it is none of ${runtimeNames.join(", ")}`);
  await setUp("demo");
  const module = softhsmPath();
  if (!module) throw new Error("Cannot run the demo: there is no PKCS#11 module");

  using folder = createTokenFolder();
  const rest = args.filter((arg) => !arg.startsWith("--runtime="));
  const { code } = await run([await runtimeProgram(runtime), ...programArguments[runtime], ...rest], {
    env: { PKCS11_MODULE: module, SOFTHSM2_CONF: folder.config },
    inherit: true,
  });
  return code;
}

await runMain(main);
