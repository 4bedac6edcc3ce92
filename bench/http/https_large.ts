// Bodies of 100 MiB by a session and by the runtime's own fetch, down and up, in turns in one process, to nginx that speaks
// HTTP/2 and to one that does not: the session's bytes for each of fetch's, by time and by this process's processor time, and
// by how much the process grows meanwhile. Prints medians of the batches.
import process from "node:process";
import { HttpSession, TlsDatabase } from "../../http/mod.ts";

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

async function upload(send: Send, origin: string): Promise<void> {
  let left = BODY;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.enqueue(new Uint8Array(PIECE));
      if ((left -= PIECE) === 0) controller.close();
    },
  });
  const response = await send(`${origin}/upload`, { method: "POST", body, duplex: "half" });
  const received = Number(await response.text());
  if (!(received >= BODY)) throw new Error(`Cannot measure: the server has got ${received} bytes`);
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

const rows: Record<string, number> = {};
const tlsDatabase = TlsDatabase.fromPem(AUTHORITY);
for (const [name, origin, theirs] of [["HTTP/1.1", HTTP1, fetch as Send], ["HTTP/2", HTTP2, fetchHttp2]] as const) {
  for (const [direction, transfer] of [["down", download], ["up", upload]] as const) {
    await using session = new HttpSession({ tlsDatabase });
    const own = session.fetch as Send;
    const batches: [own: Cost, theirs: Cost][] = [];
    // The first ones make connections, and compilers work.
    for (let batch = -1; batch < BATCHES; batch++) {
      const costs = new Map<Send, Cost>();
      for (const send of batch % 2 === 0 ? [own, theirs] : [theirs, own]) {
        costs.set(send, await cost(() => transfer(send, origin)));
      }
      if (batch >= 0) batches.push([costs.get(own)!, costs.get(theirs)!]);
    }
    const row = `${name}, 100 MiB ${direction}`;
    rows[`${row}, time`] = middle(batches.map(([own, theirs]) => theirs.wall / own.wall));
    rows[`${row}, processor`] = middle(batches.map(([own, theirs]) => theirs.work / own.work));
    rows[`${row}, MiB by which memory grows`] = middle(batches.map(([{ growth }]) => growth));
    rows[`${row}, MiB by which memory grows with fetch`] = middle(batches.map(([, { growth }]) => growth));
  }
}
process.stdout.write(`${JSON.stringify(rows)}\n`);
process.exit(0);
