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

/** Queues so many messages at once, and resolves when each has its answer. */
async function messages(count: number): Promise<void> {
  await using session = new HttpSession({ features: [answers] });
  await Promise.all(Array.from({ length: count }, () => session.sendMessage(new HttpMessage("GET", url))));
}

/** Microseconds for one of so many at once, over 100 000 of them: what collecting them costs later belongs to it. */
async function queued(count: number): Promise<number> {
  await messages(count);
  const batches = Math.max(3, 100_000 / count);
  const started = performance.now();
  for (let batch = 0; batch < batches; batch++) await messages(count);
  return (performance.now() - started) * 1000 / (batches * count);
}

// Compilers are done with it then.
await queued(1000);
for (const count of [10, 100, 1000, 10_000, 100_000]) costs[`queued ${count}`] = await queued(count);
report(costs);
process.exit(0);
