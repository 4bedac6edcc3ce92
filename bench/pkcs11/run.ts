// PKCS#11 against C, libgck, pkcs11js, graphene-pk11 and PyKCS11: every contestant once in each round, ratios taken within the round.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { type Contestant, measuredNames, measureRounds, median, medianRows } from "../measure.ts";
import { runtimes } from "../on_runtimes.ts";
import { compiled, pkcs11jsFolder } from "../peers.ts";
import { report } from "../report.ts";
import { say } from "../../tools/say.ts";
import { benchToken } from "../token.ts";

const ROUNDS = 3;
const DOOR_ROUNDS = 3;
const SECONDS = "0.3";
const DOOR_SECONDS = "0.6";
/** A folder outside the project for what is compiled or installed. */
const WORK = temporaryFolder("bench-pkcs11");
/** C's plain loop is the measure of the rows it has no counterpart for; it writes into memory of its caller itself. */
const BASE_ROW: Record<string, string> = {
  "digest 32 B, into": "digest 32 B",
  "digest 32 B, traced": "digest 32 B",
  "HMAC-SHA256 32 B, into": "HMAC-SHA256 32 B",
  "AES-CBC-PAD 1 KiB, into": "AES-CBC-PAD 1 KiB",
  "AES-CBC-PAD 1 MiB, into": "AES-CBC-PAD 1 MiB",
  "RSA-2048, async, 2 sessions": "RSA-2048",
  "HMAC-SHA256 32 B, async, 1 session": "HMAC-SHA256 32 B",
  "HMAC-SHA256 32 B, async, 8 sessions": "HMAC-SHA256 32 B",
  "HMAC-SHA256 32 B, signMany of 1000": "HMAC-SHA256 32 B",
  "ECDSA P-256, signMany of 1000": "ECDSA P-256",
};

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const addon = () => pkcs11jsFolder(`${WORK}/pkcs11js`);

/** PyKCS11 where the system's Python has it; none, with a line that says so, where it has not. */
function pykcs11(args: readonly string[]): Contestant[] {
  const python = "/usr/bin/python3";
  if (spawnSync(python, ["-c", "import PyKCS11"]).status === 0) {
    return [{ name: "PyKCS11", command: [python, here("pykcs11_loop.py"), ...args] }];
  }
  say("PyKCS11 is not installed: its column is left out");
  return [];
}

/** Runs the door ./pkcs11js and the addon whose names it has in turns within one process, and prints the ratios. */
export async function benchPkcs11js(): Promise<void> {
  using token = benchToken();
  const peer = addon();
  if (peer === null) return;
  const contestants = (await runtimes()).map(([name, command]): Contestant => (
    { name, command: [...command, here("pkcs11js_door.mjs"), ...token.args, DOOR_SECONDS] }
  ));
  const rounds = await measureRounds(contestants, DOOR_ROUNDS, { ...token.env, PKCS11JS_FOLDER: peer });
  const columns = measuredNames(rounds, contestants);
  report({
    name: "pkcs11js",
    title:
      "./pkcs11js as a ratio to the addon pkcs11js, medians of the rounds; 1 is wanted on Node, 0.8 of what is async",
    unit: "ratio to the addon",
    plot: "bars",
    digits: 2,
    columns,
    rows: medianRows(rounds, Object.keys(rounds[0]!.get(columns[0]!)!), columns),
  });
}

/** Runs the benchmark and prints its table. */
export async function benchPkcs11(): Promise<void> {
  using token = benchToken();
  const args = [...token.args, SECONDS];
  const all = await runtimes();
  const contestants = (library: string, program: string) =>
    all.map(([name, command]): Contestant => ({
      name: `${library} on ${name}`,
      command: [...command, here(program), ...args],
    }));
  const peer = addon();
  const plain = compiled(
    {
      source: new URL("cryptoki_loop.c", import.meta.url),
      flags: ["-w", "-I/usr/include/p11-kit-1", "-ldl", "-lpthread"],
    },
    `${WORK}/cryptoki_loop`,
  )!;
  const gck = compiled({
    source: new URL("gck_loop.c", import.meta.url),
    library: "gck-1",
    flags: ["-w", "-DGCK_API_SUBJECT_TO_CHANGE"],
  }, `${WORK}/gck_loop`);
  const compared: Contestant[] = [
    { name: "C", command: [plain, ...args] },
    { name: "C with a thread", command: [plain, ...args, "thread"] },
    ...contestants("bare FFI", "bare_ffi.ts"),
    ...contestants("gp11", "gp11.ts"),
    ...(gck ? [{ name: "libgck", command: [gck, ...args] }] : []),
    ...(peer ? [...contestants("pkcs11js", "pkcs11js.mjs"), ...contestants("graphene", "graphene.mjs")] : []),
    ...pykcs11(args),
  ];
  const rounds = await measureRounds(compared, ROUNDS, { ...token.env, PKCS11JS_FOLDER: peer ?? "" });
  const columns = measuredNames(rounds, compared).filter((name) => name !== "C");
  const rows = Object.keys(rounds[0]!.get("gp11 on Deno")!);
  report({
    name: "pkcs11",
    title: "PKCS#11 on SoftHSM2: calls per second as a ratio to C's synchronous loop, medians of the rounds",
    unit: "ratio to C",
    plot: "bars",
    digits: 2,
    base: {
      column: "C per second",
      cells: rows.map((row) => row in BASE_ROW ? null : median(rounds, (rates) => rates.get("C")![row]) ?? null),
    },
    columns,
    rows: medianRows(rounds, rows, columns, (rates, row) => rates.get("C")![BASE_ROW[row] ?? row]),
  });
}
