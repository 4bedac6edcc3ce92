/**
 * Retries with back-off, time limits and a rate limit. Everything runs against a server this program starts itself.
 *
 *     deno run --allow-net examples/http/retry_and_limits.ts
 *     bun examples/http/retry_and_limits.ts
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { HttpSession, RateLimit, RequestTimeoutError, Retry, Timeouts } from "../../mod.ts";

let asked = 0;
const server = createServer((request, response) => {
  if (request.url === "/never") return;
  if (request.url === "/busy" && ++asked < 3) response.writeHead(503).end("busy");
  else response.end("done");
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

{
  await using session = new HttpSession();
  session.addFeature(
    new Retry({
      limit: 3,
      baseDelay: 20,
      onRetry: ({ retry, delay, status }) => print(`retry ${retry} after ${status}, in ${Math.round(delay)} ms`),
    }),
  );
  print(`busy: ${await (await session.fetch(`${origin}/busy`)).text()}`);
  session.addFeature(new Timeouts({ total: 500 }));
  try {
    await session.fetch(`${origin}/never`);
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof RequestTimeoutError)) throw error;
    print(`never: ${cause.name}, ${cause.kind} limit of ${cause.limit} ms`);
  }
}
{
  await using session = new HttpSession();
  session.addFeature(new RateLimit({ requests: 20, interval: 1000, burst: 2 }));
  const start = performance.now();
  for (let count = 0; count < 6; count++) await (await session.fetch(origin)).text();
  print(`six requests, two at once and twenty a second: ${performance.now() - start > 150 ? "held back" : "too fast"}`);
}
server.close();
server.closeAllConnections();
