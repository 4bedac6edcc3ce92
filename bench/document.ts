// docs/benchmarks.md and its pictures, made of the data that runs of the benchmark have left in docs/benchmarks.json.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../tests/_support/temporary_folder.ts";
import { installed } from "./peers.ts";
import { type BenchTable, headOf, linesOf } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const docs = new URL("../docs/", import.meta.url);
const DATA = new URL("benchmarks.json", docs);
const PICTURES = "benchmarks";

/** A table and where it was measured. */
export type MeasuredTable = BenchTable & Surroundings;

/** What is said before the table of each name, in the order of the page. */
const INTRODUCTIONS: Record<string, string> = {
  pkcs11:
    "Synchronous and asynchronous calls on SoftHSM2 against a loop in C that calls the module with one call for " +
    "each result, and against other bindings. C's loop is 1; `C with a thread` has a second one that sleeps, and locks " +
    "cost more then. `bare FFI` is the least that the runtime takes for the same calls and copies, small ones " +
    "overwritten afterwards, beside as many " +
    "objects, and for a search with one call for each object; asynchronous, for a thread that waits, calls and sends a " +
    "message. `into` writes the result into memory of the caller. With large data " +
    "this library has glibc keep what the module frees (see [Performance](performance.md#large-data)), which C's loop " +
    "has not; on Node an addon's module may find Node's own OpenSSL before the system's.",
  pkcs11js:
    "The entry `./pkcs11js` against the addon whose names it has, in turns within one process. They begin when the runtime " +
    "has compiled both: before the asynchronous rows both have made short calls for three seconds.",
  pieces:
    "The same calls from C with a second thread, by hand over the runtime's FFI, and with this library; and by hand and with " +
    "this library into a module whose functions do no work, which shows what each takes alone. In a runtime's process the " +
    "module itself takes longer than in C's, and what is done between its calls finds the processor's caches full of it. " +
    "The pieces add up to the last line. Medians of what the processor has worked for the process.",
  trips:
    "The least that an asynchronous call pays for its way to a thread and back: the thread works for 5 µs, and the one that " +
    "has asked waits in its event loop, as in C in epoll. A message is the way of this library. A function that threads may " +
    "call holds them up on Deno until it has run, and wants the whole of FFI's permission there. `processor` is the time of " +
    "the processor.",
  webcrypto: "`subtle.sign` over a token against `session.sign`, and node-webcrypto-p11 over the addon pkcs11js.",
  "http-deno":
    "GET requests of 13 bytes and a download, over http on loopback: this library and its peers on Deno, each once its rate " +
    "has settled.",
  "http-bun": "The same on Bun.",
  "http-node": "The same on Node.",
  "https-peers-deno":
    "The same over TLS on Deno: nginx offers HTTP/2 and HTTP/1.1, and each takes what its defaults say.",
  "https-peers-bun": "The same on Bun.",
  "https-peers-node": "The same on Node.",
  https:
    "Small requests over TLS, against the runtime's own fetch, in turns within one process; `processor` is the time of the " +
    "processor, which says more on a machine where others work too. `the first 1000` are those of a process that has made " +
    "none: engines, Bun's above all, compile a library while it runs, where a fetch is native from the first on. The other " +
    "rows begin when what both cost has settled, after 25,000 to 100,000 requests of each.",
  "https-large":
    "Bodies of 100 MiB over TLS, streamed, and by how many MiB the process grows meanwhile. All share a process, as the " +
    "collector's work, which the caller's arrays make, grows with the code that is loaded. `a bare TLS socket` sends the " +
    "same pieces in chunks of 256 KiB, as this library does while its socket is busy, where a fetch sends one for each piece.",
  "https-far":
    "A hundred small requests at once to a server 20 ms away, on a new connection and on kept ones, limits as they are.",
  signed: "What a signature by a token adds to a request besides the token's own time.",
  "token-tls": "TLS with the client key in a token against the same key in a file.",
  "start-deno":
    "The whole of a program that signs once, or requests once, above an empty one; memory after a thousand times. " +
    "`sources` are the files of the repository, `package` is what npm gets, `bare FFI` the same calls by hand: no library " +
    "can take less. `only what runs` is `./session` without any function that the signatures do not call and without what " +
    "nothing names then: no way of loading this library can take less. `idle sources` are as many files as the sources, as " +
    "long, and importing each other as these do, with nothing in them: no library of so many files can take less. Deno keeps " +
    "what it compiles in a folder of the run's own: the more that holds, the slower does every program start.",
  "start-ratio-deno": "The same with the addon is 1.",
  "start-bun": "The same on Bun. `compiled` is one executable of `bun build --compile --bytecode --format=esm`.",
  "start-ratio-bun": "The same with the addon is 1.",
  "start-node": "The same on Node.",
  "start-ratio-node": "The same with the addon is 1.",
  "start-native":
    "The same without a JavaScript runtime, above an empty program in C, or in Python: C alone, GNOME's libgck, PyKCS11, " +
    "libsoup and libcurl.",
  sessions: "More sessions that sign at once do not make a signature dearer.",
  objects: "More objects on a token do not make one of them dearer to find.",
  "in-flight": "More requests in flight make one cheaper, up to some dozens.",
  queued: "Messages that wait at once in a session of theirs; what it costs to collect them later belongs to it.",
};

/** The tables of docs/benchmarks.json. */
export function measuredTables(): MeasuredTable[] {
  return existsSync(DATA) ? JSON.parse(readFileSync(DATA, "utf8")) : [];
}

/** Puts new tables in the place of those with their names, and makes the page and its pictures anew. */
export function document(tables: readonly MeasuredTable[]): void {
  const names = Object.keys(INTRODUCTIONS);
  const all = new Map([...measuredTables(), ...tables].map((each) => [each.name, each]));
  const unknown = [...all.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`Cannot document the table ${unknown}: nothing introduces it`);
  const sorted = names.flatMap((name) => all.get(name) ?? []);
  writeFileSync(DATA, `${JSON.stringify(sorted, null, 1)}\n`);
  draw();
  writeFileSync(new URL("benchmarks.md", docs), page(sorted));
}

/** Where the packages that draw are. */
let work = "";

function draw(): void {
  if (work === "") installed(new URL("pictures", import.meta.url), work = temporaryFolder("bench-pictures"));
  const folder = fileURLToPath(new URL(PICTURES, docs));
  mkdirSync(folder, { recursive: true });
  copyFileSync(DATA, `${work}/tables.json`);
  const drawn = spawnSync("node", ["draw.mjs", "tables.json", folder], { cwd: work, encoding: "utf8" });
  if (drawn.status !== 0) throw new Error(`Cannot draw: ${drawn.stderr.slice(-800)}`);
}

/** The page for these tables. */
export function page(tables: readonly MeasuredTable[]): string {
  return `# Benchmarks

What \`deno task bench --docs\` has measured; this page, its pictures and [its data](benchmarks.json) are made by it. Every
contestant of a table runs in turns with the others, ratios are taken within a round, and the median of the rounds counts:
absolute figures are this machine's, and figures within a tenth of each other are the same. What costs what, and why, is in
[Performance](performance.md).
${tables.map(section).join("")}`;
}

function section(table: MeasuredTable): string {
  const picture = table.plot === undefined ? "" : `\n![${table.title}](${PICTURES}/${table.name}.svg)\n`;
  const head = headOf(table);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const lines = [["", ...head], ["---", ...head.map(() => "---:")], ...linesOf(table)].map(line);
  return `
## ${table.name}

${INTRODUCTIONS[table.name]}

${table.title}. Cells: ${table.unit}.
${picture}
${lines.join("\n")}

Measured on ${table.measured}: ${table.machine}; ${table.versions}.
`;
}
