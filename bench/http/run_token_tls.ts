// What a client key in a token costs HTTPS on each runtime, against the same key in a file: nginx on loopback, SoftHSM2.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startNginx } from "../../tests/_support/nginx.ts";
import { softhsmModule } from "../../tests/_support/softhsm.ts";
import { tokenClients, tokenTlsSkip } from "../../tests/_support/token_clients.ts";
import { WaitingModule } from "../../tests/_support/waiting_module.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { say } from "../../tools/say.ts";
import { type Contestant, measureRounds, median } from "../measure.ts";
import { table } from "../table.ts";

const ROUNDS = 3;

/** Runs the benchmark and prints its table. */
export async function benchTokenTls(): Promise<void> {
  if (tokenTlsSkip !== false) return say(`TLS with a key in a token is left out: ${tokenTlsSkip}`);
  const slow = new WaitingModule(softhsmModule()!);
  await using clients = await tokenClients(slow.path);
  const { certificates: { ca, good }, ec, token } = clients;
  await using nginx = await startNginx({
    ...{ certificate: good, clientAuthority: ca.certFile },
    server: "ssl_protocols TLSv1.3; ssl_session_cache off; ssl_session_tickets off;",
    files: { body: new Uint8Array(100 << 20) },
  });
  const program = fileURLToPath(new URL("token_tls.ts", import.meta.url));
  const map = fileURLToPath(new URL("../../tests/offline.import_map.json", import.meta.url));
  const deno = [await runtimeProgram("deno"), "run", "-A", "--quiet", "--no-check", `--import-map=${map}`, program];
  const node = [await runtimeProgram("node"), "--disable-warning=ExperimentalWarning", program];
  const contestants: Contestant[] = [
    { name: "Deno", command: deno },
    { name: "Bun", command: [await runtimeProgram("bun"), program] },
    { name: "Node", command: node },
  ];
  const rounds = measureRounds(contestants, ROUNDS, {
    ...{ AUTHORITY: ca.cert, CERTIFICATE: ec.pem, KEY: readFileSync(ec.keyFile, "utf8"), KEY_URI: ec.keyUri },
    ...{ MODULE: token.module, PIN: token.userPin, URL: nginx.tlsOrigin },
  });
  const names = contestants.map(({ name }) => name).filter((name) => rounds[0]?.has(name));
  const rows = Object.keys(rounds[0]?.get(names[0] ?? "") ?? {});
  say("\nTLS with a client key in a token: medians of the rounds; wanted are 0.85, 1 ms more, a stall below 10 ms");
  say(table(
    ["", ...names],
    rows.map((row) => [
      row,
      ...names.map((name) => median(rounds, (rates) => rates.get(name)?.[row])?.toFixed(2) ?? ""),
    ]),
  ));
}
