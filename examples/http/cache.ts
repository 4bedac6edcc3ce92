// deno-lint-ignore-file no-console
// Shows what a cache does with fresh, stale and large responses: deno run -A examples/http/cache.ts
import { createServer } from "node:http";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CacheFileStore, HttpCache, HttpSession } from "@gp11/gp11/http";

let requests = 0;
const server = createServer((request, response) => {
  requests++;
  const isLasting = request.url === "/fresh" || request.url === "/shared";
  response.setHeader("etag", '"1"');
  response.setHeader("cache-control", isLasting ? "max-age=60" : "max-age=0");
  if (request.headers["if-none-match"] === '"1"') return response.writeHead(304).end();
  response.end(request.url === "/large" ? "x".repeat(1 << 20) : `answer ${requests}`);
});
await once(server.listen(0, "127.0.0.1"), "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const folder = await mkdtemp(join(tmpdir(), "http-cache-"));
using cache = new HttpCache({ maxBytes: 100 << 20, store: new CacheFileStore(folder) });
const session = new HttpSession({ features: [cache] });

async function ask(path: string, headers: Record<string, string> = {}): Promise<void> {
  const before = requests;
  const response = await session.fetch(origin + path, { headers });
  const text = await response.text();
  const asked = requests - before;
  console.log(
    path,
    response.status,
    `${text.length} characters, server asked ${asked} times, age`,
    response.headers.get("age"),
  );
}

await ask("/fresh");
await ask("/fresh");
await ask("/fresh", { "cache-control": "no-cache" });
await ask("/large");
await ask("/large");
await ask("/unknown", { "cache-control": "only-if-cached" });
await Promise.all(["/shared", "/shared", "/shared"].map((path) => ask(path)));
console.log(cache.size, "responses stored,", cache.bytes > 1 << 20 ? "more" : "less", "than a MiB");

await session.close();
server.close();
server.closeAllConnections();
await rm(folder, { recursive: true });
