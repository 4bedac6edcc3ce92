// Writes http/sync/sync_program.ts: what the worker of sendMessageSync runs where the library is part of a bundle, and no file of
// its own lies beside it any more. Run it after changes below http/, at the latest before a release; it needs Bun.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { runtimeProgram } from "./runner/runtimes.ts";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

const target = "http/sync/sync_program.ts";

/** What both threads agree on; a program that speaks another protocol is of no use. */
export function protocolHash(): string {
  const hash = createHash("sha256");
  for (const file of ["sync_protocol.ts", "sync_bytes.ts"]) {
    hash.update(readFileSync(new URL(`../http/sync/${file}`, import.meta.url)));
  }
  return hash.digest("hex");
}

/** Bundles the worker's module with all it imports. */
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
  const folder = await Deno.makeTempDir();
  try {
    const text = await bundle(folder);
    const program = `${folder}/${target}`;
    await Deno.writeTextFile(
      program,
      `/**
 * Made by tools/sync_program.ts of http/sync_worker.ts and all it imports; not to be edited.
 *
 * @module
 */

/** SHA-256 of the protocol it speaks. */
export const syncProtocol: string = "${protocolHash()}";

/** The worker's module: JavaScript, deflated, in base64. */
export const syncProgram: string = "${deflateRawSync(text, { level: 9 }).toString("base64")}";
`,
    );
    await run([Deno.execPath(), "fmt", "--config=deno.json", program], { timeoutMs: 60_000 });
    const beside = `${target}.new`;
    await Deno.copyFile(program, beside);
    await Deno.rename(beside, target);
    say(`${target} holds ${text.byteLength} bytes of JavaScript`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
