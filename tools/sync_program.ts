// Writes http/sync/sync_program.ts: what the worker of sendMessageSync runs where the library is part of a bundle, and no file of
// its own lies beside it any more. Run it after changes below http/, at the latest before a release; it needs Bun.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { runtimeProgram } from "./runner/runtimes.ts";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

/** What both threads agree on; a program that speaks another protocol is of no use. */
export function protocolHash(): string {
  const hash = createHash("sha256");
  for (const file of ["sync_protocol.ts", "sync_bytes.ts"]) {
    hash.update(readFileSync(new URL(`../http/sync/${file}`, import.meta.url)));
  }
  return hash.digest("hex");
}

async function main(): Promise<void> {
  const bun = await runtimeProgram("bun");
  // Nobody sends synchronously in the worker: the program does not hold itself.
  await Deno.writeTextFile("http/sync/sync_program.ts", 'export const syncProgram = "";\n');
  const folder = await Deno.makeTempDir();
  const outfile = `${folder}/program.js`;
  // No synchronous send opens a WebSocket: what reads frames stays out, and with it what finds modules by the address of a file.
  const command = [
    bun,
    "build",
    "http/sync_worker.ts",
    "--target=node",
    "--minify",
    "--format=esm",
    "--external=@gp11/ws",
  ];
  const { code, output } = await run([...command, `--outfile=${outfile}`], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`Cannot bundle the worker's program: exit code ${code}\n${output}`);
  const text = await Deno.readFile(outfile);
  await Deno.remove(folder, { recursive: true });
  await Deno.writeTextFile(
    "http/sync/sync_program.ts",
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
  await run([Deno.execPath(), "fmt", "http/sync/sync_program.ts"], { timeoutMs: 60_000 });
  say(`http/sync/sync_program.ts holds ${text.byteLength} bytes of JavaScript`);
}

if (import.meta.main) await main();
