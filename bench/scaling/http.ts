// What one request costs with more in flight, with this library and with the runtime's own fetch, and one message with more
// messages waiting: microseconds for each. Runs on Deno, Bun and Node. Usage: URL
import process from "node:process";
import { HttpMessage, HttpSession, type SessionFeature } from "../../http/mod.ts";
import { report } from "../pkcs11/rows.ts";

const REQUESTS = 3000;
const url = process.argv[2]!;
const costs: Record<string, number> = {};

async function requests(get: (url: string) => Promise<Response>, inFlight: number): Promise<number> {
  let left = REQUESTS;
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await (await get(url)).bytes();
  }));
  return (performance.now() - started) * 1000 / REQUESTS;
}

for (const count of [1, 2, 4, 8, 16, 32, 64, 128, 256]) {
  await using session = new HttpSession({ maxConns: count, maxConnsPerHost: count });
  const own: number[] = [];
  const theirs: number[] = [];
  // The first batch makes connections, and compilers work.
  for (let batch = 0; batch < 4; batch++) {
    own.push(await requests(session.fetch, count));
    theirs.push(await requests(fetch, count));
  }
  costs[`in flight ${count}`] = Math.min(...own.slice(1));
  costs[`fetch in flight ${count}`] = Math.min(...theirs.slice(1));
}

/** Answers every message itself, so that the queue alone is measured. */
const answers: SessionFeature = { respond: () => new Response(null, { status: 204 }) };
for (const count of [10, 100, 1000, 10_000, 100_000]) {
  const times: number[] = [];
  for (let queued = 0; queued < 100_000 || times.length < 3; queued += count) {
    const session = new HttpSession({ features: [answers] });
    const started = performance.now();
    await Promise.all(Array.from({ length: count }, () => session.sendMessage(new HttpMessage("GET", url))));
    times.push((performance.now() - started) * 1000 / count);
    await session.close();
  }
  costs[`queued ${count}`] = times.sort((a, b) => a - b)[times.length >> 1]!;
}
report(costs);
process.exit(0);
