// HTTP on loopback nginx: this library against the runtime's own fetch, JavaScript peers and libsoup.
import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startNginx } from "../../tests/_support/nginx.ts";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { type Contestant, measuredNames, measureRounds, median, medianRows } from "../measure.ts";
import { runtimes } from "../on_runtimes.ts";
import { compiled, installed } from "../peers.ts";
import { report } from "../report.ts";

const ROUNDS = 3;
const PEERS = ["ky", "got", "axios", "undici"];
const LEVELS = ["1", "10", "50"];
const SECONDS = "0.5";
/** A folder outside the project for what is compiled or installed. */
const WORK = temporaryFolder("bench-http");

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Runs the benchmark and prints its table. */
export async function benchHttp(): Promise<void> {
  installed(new URL("peers", import.meta.url), WORK);
  for (const name of ["peers.mjs", "rates.mjs"]) copyFileSync(here(name), `${WORK}/${name}`);
  const source = new URL("libsoup_loop.c", import.meta.url);
  const soup = compiled({ source, library: "libsoup-3.0", flags: [] }, `${WORK}/libsoup_loop`);
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
  const measured = measuredNames(rounds, contestants);
  for (const [runtime] of all) {
    const base = `fetch on ${runtime}`;
    const columns = measured.filter((name) => name.endsWith(runtime) && name !== base || name === "libsoup 3");
    report({
      name: `http-${runtime.toLowerCase()}`,
      title: `HTTP from nginx on loopback: per second as a ratio to ${base}, medians of the rounds`,
      unit: `ratio to ${base}`,
      plot: "bars",
      digits: 2,
      base: { column: base, cells: rows.map((row) => median(rounds, (rates) => rates.get(base)?.[row]) ?? null) },
      columns,
      rows: medianRows(rounds, rows, columns, (rates, row) => rates.get(base)?.[row]),
    });
  }
}
