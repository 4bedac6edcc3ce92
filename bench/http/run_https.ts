// Small https requests of a session against those of the runtime's own fetch, over HTTP/1.1 and HTTP/2: nginx on loopback.
import { fileURLToPath } from "node:url";
import { nginxPath, startNginx } from "../../tests/_support/nginx.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { say } from "../../tools/say.ts";
import { type Contestant, measureRounds, median } from "../measure.ts";
import { table } from "../table.ts";

const ROUNDS = 3;

/** Runs the benchmark and prints its table. */
export async function benchHttps(): Promise<void> {
  if (nginxPath === null) return say("https is left out: nginx is not installed");
  await using certificates = await makeCertificates();
  const { ca, good: certificate } = certificates;
  const server = "keepalive_requests 1000000;";
  await using older = await startNginx({ certificate, server });
  await using newer = await startNginx({ certificate, server, http2: true });
  const program = fileURLToPath(new URL("https.ts", import.meta.url));
  const map = fileURLToPath(new URL("../../tests/offline.import_map.json", import.meta.url));
  const deno = [await runtimeProgram("deno"), "run", "-A", "--quiet", "--no-check", `--import-map=${map}`, program];
  const contestants: Contestant[] = [
    { name: "Deno", command: deno },
    { name: "Bun", command: [await runtimeProgram("bun"), program] },
    { name: "Node", command: [await runtimeProgram("node"), "--disable-warning=ExperimentalWarning", program] },
  ];
  const rounds = measureRounds(contestants, ROUNDS, {
    ...{ AUTHORITY: ca.cert, HTTP1: older.tlsOrigin, HTTP2: newer.tlsOrigin },
    // The runtimes' own fetch trusts it by these.
    ...{ DENO_CERT: ca.certFile, NODE_EXTRA_CA_CERTS: ca.certFile },
  });
  const names = contestants.map(({ name }) => name).filter((name) => rounds[0]?.has(name));
  const rows = Object.keys(rounds[0]?.get(names[0] ?? "") ?? {});
  say("\nSmall https requests: a session's for each of the runtime's own fetch, medians; 1.0 is wanted");
  say(table(
    ["", ...names],
    rows.map((row) => [
      row,
      ...names.map((name) => median(rounds, (rates) => rates.get(name)?.[row])?.toFixed(2) ?? ""),
    ]),
  ));
}
