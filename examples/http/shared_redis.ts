// deno-lint-ignore-file no-console
// Four workers that share a cache, a jar and a limit over one Redis server, as processes and machines do:
// deno run -A examples/http/shared_redis.ts. REDIS_URL names a server; without it a redis-server is started for this.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { CacheRedisStore, CookieJar, CookieRedisStore, HttpCache, HttpSession } from "@gp11/gp11/http";
import { RateLimit, RateLimitRedisStore } from "@gp11/gp11/http";

interface Task {
  readonly url: string;
  readonly origin: string;
}

if (isMainThread) await main();
else work(workerData as Task);

async function main(): Promise<void> {
  await using redis = await server();
  const asked = { login: 0, pages: 0, reports: 0, strangers: 0 };
  const origin = createServer((request, response) => answer(request, response, asked)).listen(0, "127.0.0.1");
  await once(origin, "listening");
  const task: Task = { url: redis.url, origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}` };
  const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url), { workerData: task }));
  const heard = () => Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0] as number));
  const tell = (step: string, to = workers) => to.forEach((worker) => worker.postMessage(step));
  await heard();

  // The first logs in; the others are logged in with it.
  const loggedIn = once(workers[0]!, "message");
  tell("log in", workers.slice(0, 1));
  await loggedIn;
  const read = heard();
  tell("read");
  console.log(`${(await read).reduce((sum, right) => sum + right)} answers, all of them right`);
  console.log(`logged in ${asked.login} time, ${asked.strangers} requests without the cookie`);
  console.log(`each page fetched ${asked.pages <= 20 ? "at most once by each worker" : "too often"}`);

  // Eight an hour are allowed for all together; sixteen are wanted.
  const reported = heard();
  tell("report");
  while (asked.reports < 8) await pause(20);
  tell("stop");
  await reported;
  console.log(`${asked.reports} of 16 reports sent`);

  await Promise.all(workers.map((worker) => worker.terminate()));
  origin.closeAllConnections();
  origin.close();
}

function answer(request: IncomingMessage, response: ServerResponse, asked: Record<string, number>): void {
  const isKnown = request.headers.cookie === "user=alice";
  if (request.url === "/login") {
    asked.login!++;
    response.setHeader("set-cookie", "user=alice; Path=/; HttpOnly");
  } else if (!isKnown) asked.strangers!++;
  else if (request.url === "/report") asked.reports!++;
  else {
    asked.pages!++;
    response.setHeader("cache-control", "max-age=60");
  }
  response.end(`this is ${request.url}`);
}

function work({ origin, url }: Task): void {
  const jar = new CookieJar({ store: new CookieRedisStore({ url, jar: "example", whenUnreachable: "closed" }) });
  const cache = new HttpCache({ store: new CacheRedisStore({ url }) });
  const limit = new RateLimit({
    requests: 8,
    interval: 3_600_000,
    store: new RateLimitRedisStore({ url, whenUnreachable: "closed" }),
  });
  jar.addEventListener("store-error", ({ error }) => console.error("The jar is alone:", error));
  cache.addEventListener("store-error", ({ error }) => console.error("The cache is passed by:", error));
  limit.addEventListener("store-error", ({ error }) => console.error("The limit cannot be asked:", error));
  const session = new HttpSession({ features: [jar, cache] });
  const limited = new HttpSession({ features: [jar, limit] });
  const get = async (path: string) => await (await session.fetch(origin + path)).text();
  const steps: Record<string, () => Promise<number>> = {
    "log in": async () => (await get("/login")).length,
    read: async () => {
      let right = 0;
      for (let count = 0; count < 10; count++) if (await get(`/${count % 5}`) === `this is /${count % 5}`) right++;
      return right;
    },
    report: async () => {
      const stopped = new AbortController();
      parentPort!.once("message", () => stopped.abort());
      const sent = await Promise.allSettled(Array.from({ length: 4 }, async () => {
        await (await limited.fetch(`${origin}/report`, { signal: stopped.signal })).text();
      }));
      return sent.filter(({ status }) => status === "fulfilled").length;
    },
  };
  parentPort!.on("message", async (step: string) => {
    if (step in steps) parentPort!.postMessage(await steps[step]!());
  });
  parentPort!.postMessage(0);
}

async function server(): Promise<AsyncDisposable & { readonly url: string }> {
  const url = process.env.REDIS_URL;
  if (url !== undefined) return { url, [Symbol.asyncDispose]: () => Promise.resolve() };
  const folder = await mkdtemp(join(tmpdir(), "shared-redis-"));
  const socket = join(folder, "redis.sock");
  const child = spawn("redis-server", ["--port", "0", "--unixsocket", socket, "--save", ""], { stdio: "ignore" });
  while (!existsSync(socket)) await pause(20);
  return {
    url: `unix://${socket}`,
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, "exit");
      await rm(folder, { recursive: true });
    },
  };
}
