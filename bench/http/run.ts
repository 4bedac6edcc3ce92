// HTTP and HTTPS on loopback nginx: this library against the runtime's own fetch, JavaScript peers, libsoup and libcurl.
import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startNginx } from "../../tests/_support/nginx.ts";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { type Contestant, measuredNames, measureRounds, median, medianRows } from "../measure.ts";
import { runtimes } from "../on_runtimes.ts";
import { compiled, installed } from "../peers.ts";
import { report } from "../report.ts";

const ROUNDS = 3;
const LEVELS = ["1", "10", "50"];
/** Each level is measured for twice as long, and settled in halves of it before. */
const SECONDS = 0.4;
/** Those that need several times as long as others are seen in less. */
const SECONDS_OF_SLOW = 0.15;
const PEERS = { ky: SECONDS_OF_SLOW, got: SECONDS_OF_SLOW, axios: SECONDS_OF_SLOW, undici: SECONDS };
/** A folder outside the project for what is compiled or installed. */
const WORK = temporaryFolder("bench-http");

/** What nginx serves. */
const files = { "small.txt": "Hello, world\n", "large.bin": new Uint8Array(100 * 1024 * 1024) };

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** What is asked for, and by which peers. */
interface Contest {
  /** Begins the names of its tables. */
  readonly name: string;
  readonly title: string;
  readonly origin: string;
  /** Contestants that no runtime runs. */
  readonly others?: readonly Contestant[];
  readonly env?: Record<string, string>;
}

/** Runs the benchmark over http and prints its tables. */
export async function benchHttp(): Promise<void> {
  await using nginx = await startNginx({ files });
  const { origin } = nginx;
  const others = [
    ...compiledContestant("libsoup 3", "libsoup_loop.c", "libsoup-3.0", origin),
    ...compiledContestant("libcurl", "curl_loop.c", "libcurl", origin),
  ];
  await compare({ name: "http", title: "HTTP from nginx on loopback", origin, others });
}

/** The same over TLS: nginx offers HTTP/2 and HTTP/1.1, and everybody takes what their defaults say. */
export async function benchHttpsPeers(): Promise<void> {
  await using certificates = await makeCertificates();
  const { ca, good: certificate } = certificates;
  await using nginx = await startNginx({ certificate, server: "keepalive_requests 10000000;", http2: true, files });
  await compare({
    name: "https-peers",
    title: "HTTPS from nginx on loopback",
    origin: nginx.tlsOrigin,
    others: compiledContestant("libcurl", "curl_loop.c", "libcurl", nginx.tlsOrigin),
    env: {
      AUTHORITY: ca.cert,
      DENO_CERT: ca.certFile,
      NODE_EXTRA_CA_CERTS: ca.certFile,
      SSL_CERT_FILE: ca.certFile,
    },
  });
}

function argumentsFor(origin: string, seconds = SECONDS): string[] {
  return [`${origin}/small.txt`, `${seconds}`, ...LEVELS];
}

/** A program in C that asks for the small file through a library; none, with a line that says so, where that is missing. */
function compiledContestant(name: string, file: string, library: string, origin: string): Contestant[] {
  const source = new URL(file, import.meta.url);
  const program = compiled({ source, library, flags: [] }, `${WORK}/${file.replace(/\.c$/, "")}`);
  return program === null ? [] : [{ name, command: [program, ...argumentsFor(origin)] }];
}

async function compare({ env, name, origin, others = [], title }: Contest): Promise<void> {
  installed(new URL("peers", import.meta.url), WORK);
  for (const file of ["peers.mjs", "rates.mjs"]) copyFileSync(here(file), `${WORK}/${file}`);
  const args = argumentsFor(origin);
  const all = await runtimes();
  const contestants: Contestant[] = [];
  for (const [runtime, program] of all) {
    contestants.push({ name: `fetch on ${runtime}`, command: [...program, here("gp11.ts"), "fetch", ...args] });
    contestants.push({ name: `gp11 on ${runtime}`, command: [...program, here("gp11.ts"), "gp11", ...args] });
    for (const [peer, seconds] of Object.entries(PEERS)) {
      const command = [...program, "peers.mjs", peer, ...argumentsFor(origin, seconds)];
      contestants.push({ name: `${peer} on ${runtime}`, command, cwd: WORK });
    }
  }
  contestants.push(...others);
  const rounds = await measureRounds(contestants, ROUNDS, env);
  const rows = [...LEVELS.map((level) => `GET, ${level} in flight`), "100 MiB, MiB per second"];
  const measured = measuredNames(rounds, contestants);
  const everywhere = new Set(others.map((other) => other.name));
  for (const [runtime] of all) {
    const base = `fetch on ${runtime}`;
    const columns = measured.filter((each) => each.endsWith(runtime) && each !== base || everywhere.has(each));
    report({
      name: `${name}-${runtime.toLowerCase()}`,
      title: `${title}: per second as a ratio to ${base}, medians of the rounds`,
      unit: `ratio to ${base}`,
      plot: "bars",
      digits: 2,
      base: { column: base, cells: rows.map((row) => median(rounds, (rates) => rates.get(base)?.[row]) ?? null) },
      columns,
      rows: medianRows(rounds, rows, columns, (rates, row) => rates.get(base)?.[row]),
    });
  }
}
