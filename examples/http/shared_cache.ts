// deno-lint-ignore-file no-console
// Four workers that share one cache, as processes do: deno run -A examples/http/shared_cache.ts
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { CacheSqliteStore, HttpCache, HttpSession } from "@gp11/gp11/http";

interface Task {
  readonly path: string;
  readonly origin: string;
}

if (isMainThread) await main();
else await work(workerData as Task);

async function main(): Promise<void> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    response.setHeader("cache-control", "max-age=60");
    response.end(`this is ${request.url}`);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const folder = await mkdtemp(join(tmpdir(), "shared-cache-"));
  const task: Task = {
    path: join(folder, "cache.sqlite"),
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
  const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url), { workerData: task }));
  const counts = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0] as number));
  await Promise.all(workers.map((worker) => worker.terminate()));
  console.log(`${counts.reduce((sum, count) => sum + count, 0)} answers, all of them right`);
  console.log(`the server was asked ${asked <= 20 ? "at most once by each worker for each page" : `${asked} times`}`);
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
}

async function work({ origin, path }: Task): Promise<void> {
  using cache = new HttpCache({ store: new CacheSqliteStore(path) });
  cache.addEventListener("store-error", ({ error }) => console.error("The cache is passed by:", error));
  await using session = new HttpSession({ features: [cache] });
  let right = 0;
  for (let count = 0; count < 50; count++) {
    const page = `/${count % 5}`;
    const text = await (await session.fetch(origin + page)).text();
    if (text === `this is ${page}`) right++;
  }
  parentPort!.postMessage(right);
}
