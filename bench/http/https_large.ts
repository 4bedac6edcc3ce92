// Bodies of 100 MiB by a session and by the runtime's own fetch, down and up, in turns in one process, to nginx that speaks
// HTTP/2 and to one that does not: the session's bytes for each of fetch's, by time and by this process's processor time, and
// by how much the process grows meanwhile. Prints medians of the batches. What callers give and are given sets the collector off,
// in time that is counted for whoever is at work then: in a batch the order is one, other, other, one, so that each pays for
// what the other has left as often as for its own. A bare TLS socket shows what the runtime takes of an upload.
import process from "node:process";
import { HttpSession, TlsDatabase } from "../../http/mod.ts";
import { BareUploads } from "./bare_upload.ts";
import { settle } from "./rates.mjs";

const { AUTHORITY = "", HTTP1 = "", HTTP2 = "" } = process.env;
const MEBIBYTE = 1 << 20;
const BODY = 100 * MEBIBYTE;
const PIECE = 1 << 16;
const BATCHES = 5;

type Send = (url: string, init?: RequestInit & { duplex?: "half" }) => Promise<Response>;

/** Milliseconds, those that the processor worked for this process meanwhile, and mebibytes by which the process grew. */
interface Cost {
  wall: number;
  work: number;
  growth: number;
}

/** Bun's fetch speaks HTTP/2 when it is told to, the others where the server does. */
const fetchHttp2: Send = (url, init) => {
  return fetch(url, ("bun" in process.versions ? { ...init, protocol: "http2" } : init) as RequestInit);
};

async function download(send: Send, origin: string): Promise<void> {
  let length = 0;
  for await (const piece of (await send(`${origin}/large`)).body!) length += piece.length;
  if (length !== BODY) throw new Error(`Cannot measure: ${length} bytes have come`);
}

function pieces(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = BODY;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(PIECE));
      if ((left -= PIECE) === 0) controller.close();
    },
  });
}

function checkReceived(text: string): void {
  if (!(Number(text) >= BODY)) throw new Error(`Cannot measure: the server has got ${text} bytes`);
}

async function upload(send: Send, origin: string): Promise<void> {
  const response = await send(`${origin}/upload`, { method: "POST", body: pieces(), duplex: "half" });
  checkReceived(await response.text());
}

async function cost(transfer: () => Promise<void>): Promise<Cost> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => most = Math.max(most, process.memoryUsage.rss()), 5);
  const [started, used] = [performance.now(), process.cpuUsage()];
  await transfer();
  const wall = performance.now() - started;
  const { user, system } = process.cpuUsage(used);
  clearInterval(timer);
  return { wall, work: (user + system) / 1000, growth: (most - before) / MEBIBYTE };
}

const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const sum = ([one, other]: Cost[], part: keyof Cost): number => one![part] + other![part];

/** What a batch has cost each of those that were measured, twice each. */
type Batch = Cost[][];
const [FETCH, SESSION, BARE] = [0, 1, 2] as const;

/** Transfers in turns, as often as there are batches. */
async function inTurns(transfers: readonly (() => Promise<void>)[]): Promise<Batch[]> {
  // The first ones make connections, and compilers work.
  await settle(async () => {
    const works: number[] = [];
    for (const transfer of transfers) works.push((await cost(transfer)).work);
    return works;
  });
  const batches: Batch[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const costs: Batch = transfers.map(() => []);
    const order = [...transfers.keys()];
    if (batch % 2 === 1) order.reverse();
    for (const each of [...order, ...order.toReversed()]) costs[each]!.push(await cost(transfers[each]!));
    batches.push(costs);
  }
  return batches;
}

const rows: Record<string, number> = {};

function report(row: string, batches: readonly Batch[], own: number): void {
  const ratio = (part: keyof Cost) => middle(batches.map((costs) => sum(costs[FETCH]!, part) / sum(costs[own]!, part)));
  rows[`${row}, time`] = ratio("wall");
  rows[`${row}, processor`] = ratio("work");
}

function reportGrowth(row: string, batches: readonly Batch[]): void {
  const growth = (of: number) => middle(batches.flatMap((costs) => costs[of]!.map(({ growth }) => growth)));
  rows[`${row}, MiB by which memory grows`] = growth(SESSION);
  rows[`${row}, MiB by which memory grows with fetch`] = growth(FETCH);
}

const tlsDatabase = TlsDatabase.fromPem(AUTHORITY);
const bare = new BareUploads(HTTP1, AUTHORITY);
const floor = async (): Promise<void> => checkReceived(await bare.send("/upload", pieces(), PIECE));
for (const [name, origin, theirs] of [["HTTP/1.1", HTTP1, fetch as Send], ["HTTP/2", HTTP2, fetchHttp2]] as const) {
  for (const [direction, transfer] of [["down", download], ["up", upload]] as const) {
    await using session = new HttpSession({ tlsDatabase });
    const own = session.fetch as Send;
    const hasFloor = origin === HTTP1 && transfer === upload;
    const both = [() => transfer(theirs, origin), () => transfer(own, origin)];
    const batches = await inTurns(hasFloor ? [...both, floor] : both);
    const row = `${name}, 100 MiB ${direction}`;
    report(row, batches, SESSION);
    if (hasFloor) report(`${row} by a bare TLS socket`, batches, BARE);
    reportGrowth(row, batches);
  }
}
bare.close();
process.stdout.write(`${JSON.stringify(rows)}\n`);
process.exit(0);
