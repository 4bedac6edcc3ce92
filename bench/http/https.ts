// Small https requests by a session and by the runtime's own fetch, in turns in one process, to nginx that speaks HTTP/2 and to
// one that does not: the session's requests for each of fetch's, by time and by this process's processor time. Prints the
// medians of the batches, and what the first requests of the process cost.
import process from "node:process";
import { HttpSession, TlsDatabase } from "../../http/mod.ts";
import { settle } from "./rates.mjs";

const { AUTHORITY = "", HTTP1 = "", HTTP2 = "" } = process.env;
const BATCHES = 15;
const REQUESTS = 1000;
/** Of each at a time, in turns, until what they cost has settled. */
const SETTLING_REQUESTS = 5000;
const tlsDatabase = TlsDatabase.fromPem(AUTHORITY);

/** Milliseconds that requests took, and those that the processor worked for this process meanwhile. */
interface Cost {
  wall: number;
  work: number;
}

type Get = (url: string) => Promise<Response>;

/** Bun's fetch speaks HTTP/2 when it is told to, the others where the server does. */
const fetchHttp2: Get = (url) => fetch(url, ("bun" in process.versions ? { protocol: "http2" } : {}) as RequestInit);

async function request(get: Get, url: string, inFlight: number, count: number): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) {
      const text = await (await get(url)).text();
      if (text !== "a small response body") throw new Error(`Cannot measure: the answer is ${JSON.stringify(text)}`);
    }
  }));
}

async function cost(get: Get, url: string, inFlight: number, count = REQUESTS): Promise<Cost> {
  const [started, used] = [performance.now(), process.cpuUsage()];
  await request(get, url, inFlight, count);
  const { user, system } = process.cpuUsage(used);
  return { wall: performance.now() - started, work: (user + system) / 1000 };
}

const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const rates: Record<string, number> = {};

/** The requests that most programs make: as they come to a process that has made none. The session comes first. */
async function measureFirst(): Promise<void> {
  const [url, inFlight] = [`${HTTP1}/small`, 10];
  await using session = new HttpSession({ tlsDatabase, maxConns: inFlight, maxConnsPerHost: inFlight });
  const own = await cost(session.fetch, url, inFlight);
  const other = await cost(fetch, url, inFlight);
  rates[`HTTP/1.1, 10 in flight, the first ${REQUESTS}, time`] = other.wall / own.wall;
  rates[`HTTP/1.1, 10 in flight, the first ${REQUESTS}, processor`] = other.work / own.work;
}

await measureFirst();
for (const [name, origin, theirs] of [["HTTP/1.1", HTTP1, fetch as Get], ["HTTP/2", HTTP2, fetchHttp2]] as const) {
  const url = `${origin}/small`;
  for (const inFlight of [1, 10, 50]) {
    await using session = new HttpSession({ tlsDatabase, maxConns: inFlight, maxConnsPerHost: inFlight });
    const ratios: Cost[] = [];
    await settle(async () => {
      const own = await cost(session.fetch, url, inFlight, SETTLING_REQUESTS);
      const other = await cost(theirs, url, inFlight, SETTLING_REQUESTS);
      return [own.work, other.work];
    });
    for (let batch = 0; batch < BATCHES; batch++) {
      const order = batch % 2 === 0 ? [session.fetch, theirs] : [theirs, session.fetch];
      const costs = new Map<Get, Cost>();
      for (const get of order) costs.set(get, await cost(get, url, inFlight));
      const [own, other] = [costs.get(session.fetch)!, costs.get(theirs)!];
      ratios.push({ wall: other.wall / own.wall, work: other.work / own.work });
    }
    rates[`${name}, ${inFlight} in flight, time`] = middle(ratios.map(({ wall }) => wall));
    rates[`${name}, ${inFlight} in flight, processor`] = middle(ratios.map(({ work }) => work));
  }
}
process.stdout.write(`${JSON.stringify(rates)}\n`);
process.exit(0);
