// Writes http/sync/sync_program.ts: what the worker of sendMessageSync runs where the library is part of a bundle, and no file of
// its own lies beside it any more. Run it after changes below http/, at the latest before a release; it needs Bun.
import { brotliCompressSync, constants } from "node:zlib";
import { runtimeProgram } from "./runner/runtimes.ts";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

const target = "http/sync/sync_program.ts";

/** The worker's module and all it imports, as one. */
export async function bundledWorker(): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir();
  try {
    return await bundle(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function bundle(folder: string): Promise<Uint8Array> {
  const bun = await runtimeProgram("bun");
  // Nobody sends synchronously in the worker: the program does not hold itself. A copy does without it, so that the file
  // here is whole at any time.
  for (const part of ["http", "internal", "package.json"]) await run(["cp", "-R", part, folder], { timeoutMs: 60_000 });
  await Deno.symlink(await Deno.realPath("node_modules"), `${folder}/node_modules`);
  await Deno.writeTextFile(`${folder}/${target}`, 'export const syncProgram = "";\n');
  // No synchronous send opens a WebSocket: what reads frames stays out, and with it what finds modules by the address of a file.
  const options = ["--target=node", "--minify", "--format=esm", "--external=@gp11/ws"];
  const command = [bun, "build", "http/sync_worker.ts", ...options, "--outfile=program.js"];
  const { code, output } = await run(command, { cwd: folder, timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`Cannot bundle the worker's program: exit code ${code}\n${output}`);
  return await Deno.readFile(`${folder}/program.js`);
}

async function main(): Promise<void> {
  const text = await bundledWorker();
  const beside = `${target}.new`;
  await Deno.writeTextFile(
    beside,
    `/**
 * Made by tools/sync_program.ts of http/sync_worker.ts and all it imports; not to be edited.
 *
 * @module
 */

/** The worker's module: JavaScript, by Brotli, in base64. */
export const syncProgram: string =
  "${brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: text.byteLength } }).toString("base64")}";
`,
  );
  await Deno.rename(beside, target);
  say(`${target} holds ${text.byteLength} bytes of JavaScript`);
}

if (import.meta.main) await main();
