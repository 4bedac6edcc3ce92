// Many small requests at once to nginx over HTTP/2, far away: by a session with the limits it begins with, and by the runtime's
// own fetch, in turns, on connections that are new and on the same again. Prints medians of fetch's time for the session's.
import process from "node:process";
import { HttpSession, TlsDatabase } from "../../http/mod.ts";

const { AUTHORITY = "", PORTS = "" } = process.env;
const REQUESTS = 100;
const ports = PORTS.split(",").map(Number);
const tlsDatabase = TlsDatabase.fromPem(AUTHORITY);

type Get = (url: string) => Promise<Response>;

/** Bun's fetch speaks HTTP/2 when it is told to, the others where the server does. */
const theirs: Get = (url) => fetch(url, ("bun" in process.versions ? { protocol: "http2" } : {}) as RequestInit);

async function time(get: Get, port: number): Promise<number> {
  const started = performance.now();
  await Promise.all(Array.from({ length: REQUESTS }, async () => {
    const text = await (await get(`https://127.0.0.1:${port}/small`)).text();
    if (text !== "a small response body") throw new Error(`Cannot measure: the answer is ${JSON.stringify(text)}`);
  }));
  return performance.now() - started;
}

const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

await using session = new HttpSession({ tlsDatabase });
const fresh: number[] = [];
const kept: number[] = [];
for (let at = 0; at + 1 < ports.length; at += 2) {
  const contestants: [Get, number][] = [[session.fetch, ports[at]!], [theirs, ports[at + 1]!]];
  const times = new Map<Get, [number, number]>();
  for (const [get, port] of at % 4 === 0 ? contestants : contestants.reverse()) {
    times.set(get, [await time(get, port), await time(get, port)]);
  }
  const [own, other] = [times.get(session.fetch)!, times.get(theirs)!];
  // Compilers work in the first.
  if (at === 0) continue;
  fresh.push(other[0] / own[0]);
  kept.push(other[1] / own[1]);
}
process.stdout.write(`${JSON.stringify({ "a new connection": middle(fresh), "a kept connection": middle(kept) })}\n`);
process.exit(0);
