// How the cost of one piece of work changes with how much there is: lines that ought to stay flat.
import { startNginx } from "../../tests/_support/nginx.ts";
import { type Contestant, measuredNames, measureRounds, median, type Rounds } from "../measure.ts";
import { onRuntimes } from "../on_runtimes.ts";
import { benchToken } from "../token.ts";
import { report } from "../report.ts";

const ROUNDS = 3;
const SECONDS = "0.4";

/** Runs the benchmark and prints its tables. */
export async function benchScaling(): Promise<void> {
  using token = benchToken();
  const pkcs11 = await onRuntimes(new URL("pkcs11.ts", import.meta.url), [...token.args, SECONDS]);
  const calls = await measureRounds(pkcs11, ROUNDS, token.env);
  lines("sessions", "PKCS#11 sessions that sign at once: microseconds for an HMAC of 32 bytes", calls, pkcs11);
  lines("objects", "Objects of a token found and read: microseconds for each", calls, pkcs11);
  await using nginx = await startNginx({
    files: { small: "Hello, world\n" },
    server: "keepalive_requests 1000000;",
    connections: 4096,
  });
  const http = await onRuntimes(new URL("http.ts", import.meta.url), [`${nginx.origin}/small`]);
  const requests = await measureRounds(http, ROUNDS);
  const title = "HTTP requests in flight at once: microseconds for each";
  lines("in-flight", title, requests, http, { gp11: "in flight", fetch: "fetch in flight" });
  lines("queued", "HTTP messages queued at once: microseconds for each, without a network", requests, http);
}

/** A table of one kind of figures; `kinds` are columns of each runtime, by the names of the figures. */
function lines(
  name: string,
  title: string,
  rounds: Rounds,
  contestants: readonly Contestant[],
  kinds: Record<string, string> = { "": name },
): void {
  const runtimes = measuredNames(rounds, contestants);
  const first = Object.values(kinds)[0]!;
  const levels = Object.keys(rounds[0]!.get(runtimes[0]!)!)
    .filter((row) => row.startsWith(`${first} `)).map((row) => row.slice(first.length + 1));
  const columns = runtimes.flatMap((runtime) =>
    Object.entries(kinds).map(([kind, figure]) => ({ figure, kind, runtime }))
  );
  report({
    ...{ name, title, unit: "µs", plot: "lines", digits: 1 },
    columns: columns.map(({ kind, runtime }) => kind === "" ? runtime : `${kind} on ${runtime}`),
    rows: levels.map((level) => ({
      name: level,
      cells: columns.map(({ figure, runtime }) =>
        median(rounds, (rates) => rates.get(runtime)?.[`${figure} ${level}`]) ?? null
      ),
    })),
  });
}
