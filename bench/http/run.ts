// HTTP on loopback nginx: this library against the runtime's own fetch, JavaScript peers and libsoup.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startNginx } from "../../tests/_support/nginx.ts";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { say } from "../../tools/say.ts";
import { type Contestant, measureRounds, median } from "../measure.ts";
import { runtimes } from "../on_runtimes.ts";
import { report } from "../report.ts";

const ROUNDS = 3;
const PEERS = ["ky", "got", "axios", "undici"];
const LEVELS = ["1", "10", "50"];
const SECONDS = "0.5";
/** A folder outside the project for what is compiled or installed. */
const WORK = temporaryFolder("bench-http");

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

function compileLoop(): string | null {
  const flags = spawnSync("pkg-config", ["--cflags", "--libs", "libsoup-3.0"], { encoding: "utf8" });
  if (flags.status !== 0) {
    say("libsoup 3 is not installed with its headers: its column is left out");
    return null;
  }
  const program = `${WORK}/libsoup_loop`;
  execFileSync("cc", ["-O2", here("libsoup_loop.c"), "-o", program, ...flags.stdout.trim().split(/\s+/)]);
  return program;
}

function installPeers(): void {
  // The lock file names the content of every package.
  cpSync(here("peers"), WORK, { recursive: true });
  for (const name of ["peers.mjs", "rates.mjs"]) copyFileSync(here(name), `${WORK}/${name}`);
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts"], { cwd: WORK, encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot install the peers: ${stderr.slice(-400)}`);
}

/** Runs the benchmark and prints its table. */
export async function benchHttp(): Promise<void> {
  installPeers();
  const soup = compileLoop();
  const large = new Uint8Array(100 * 1024 * 1024);
  await using nginx = await startNginx({ files: { "small.txt": "Hello, world\n", "large.bin": large } });
  const args = [`${nginx.origin}/small.txt`, SECONDS, ...LEVELS];
  const all = await runtimes();
  const contestants: Contestant[] = [];
  for (const [runtime, program] of all) {
    contestants.push({ name: `fetch on ${runtime}`, command: [...program, here("gp11.ts"), "fetch", ...args] });
    contestants.push({ name: `gp11 on ${runtime}`, command: [...program, here("gp11.ts"), "gp11", ...args] });
    for (const peer of PEERS) {
      contestants.push({ name: `${peer} on ${runtime}`, command: [...program, "peers.mjs", peer, ...args], cwd: WORK });
    }
  }
  if (soup) contestants.push({ name: "libsoup 3", command: [soup, ...args] });
  const rounds = measureRounds(contestants, ROUNDS);
  const rows = [...LEVELS.map((level) => `GET, ${level} in flight`), "100 MiB, MiB per second"];
  for (const [runtime] of all) {
    const base = `fetch on ${runtime}`;
    const columns = contestants.map(({ name }) => name).filter((name) =>
      name.endsWith(runtime) || name === "libsoup 3"
    );
    const others = columns.filter((name) => name !== base);
    report({
      name: `http-${runtime.toLowerCase()}`,
      title: `HTTP from nginx on loopback: per second as a ratio to ${base}, medians of the rounds`,
      unit: `ratio to ${base}`,
      plot: "bars",
      digits: 2,
      base: { column: base, cells: rows.map((row) => median(rounds, (rates) => rates.get(base)?.[row]) ?? null) },
      columns: others,
      rows: rows.map((row) => ({
        name: row,
        cells: others.map((name) =>
          median(rounds, (rates) => {
            const value = rates.get(name)?.[row];
            return value === undefined ? undefined : value / rates.get(base)![row]!;
          }) ?? null
        ),
      })),
    });
  }
}
