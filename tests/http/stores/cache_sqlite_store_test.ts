// About http/stores/cache_sqlite_store.ts and http/features/cache/turns.ts: one cache in many processes.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import process from "node:process";
import { describe, it } from "node:test";
import { CacheSqliteStore, HttpCache, HttpMessage, HttpSession, Logger } from "../../../http/mod.ts";
import { openSqlite } from "../../../http/storage/private_database.ts";
import { recordOf } from "../../_support/cache_record.ts";
import { CachedOrigin, numbered } from "../../_support/cached_origin.ts";
import { firstLine, programEnd, startProgram } from "../../_support/child_program.ts";
import { LateStore } from "../../_support/late_store.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const folder = temporaryFolder("shared-cache");
const key = "http://origin.example/";
const program = new URL("../../_support/shared_cache_program.ts", import.meta.url);

describe("a cache in SQLite that several processes have", () => {
  it("is left alone for a while where another holds it, and transactions are ended all the same", () => {
    using store = new CacheSqliteStore(`${folder}/held.sqlite`);
    const record = recordOf(key, "held");
    const keep = () => {
      const writer = store.open();
      writer.write(new Uint8Array(3));
      writer.commit(record);
    };
    keep();
    const other = openSqlite(store.path);
    other.exec("BEGIN IMMEDIATE");
    const waited = assertThrows(keep, Error, "Cannot use the database");
    // The same failure, so that nobody has waited for it again.
    const others = [() => store.trim(0), () => store.find(key), () => store.size].map((call) =>
      assertThrows(call, Error)
    );
    assertEquals(others.map(({ cause }) => cause === waited.cause), [true, true, true]);
    other.exec("ROLLBACK");
    other.close();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1100);
    keep();
    assertEquals([store.find(key).length, store.size], [1, 1]);
  });

  it("asks the server once for what all want, gives nobody a torn body, and survives a process that is killed", async () => {
    const asked = new Map<string, number>();
    const server = createServer((request, response) => {
      const resource = Number(request.url!.slice(1));
      asked.set(request.url!, (asked.get(request.url!) ?? 0) + 1);
      response.writeHead(200, { "cache-control": "max-age=3600" });
      response.end(new Uint8Array(resource === 7 ? 1_200_000 : resource * 1000).fill(resource));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const path = `${folder}/many.sqlite`;
    const run = (requests: number) => startProgram(program, [path, `http://127.0.0.1:${port}`, String(requests), "8"]);
    try {
      // One is killed as soon as it has begun: what it leaves half written is never read.
      const killed = run(2000);
      await firstLine(killed);
      const working = run(40);
      let said = "";
      working.stdout!.on("data", (chunk) => said += chunk);
      while (asked.size < 4) await once(server, "request");
      killed.kill("SIGKILL");
      await programEnd(killed);
      await programEnd(working);
      assertEquals(working.exitCode, 0);
      assertEquals(JSON.parse(said.trim().split("\n").at(-1)!), { done: 40, torn: [], failed: 0, errors: [] });
      for (const [resource, times] of asked) assert(times <= 3, `${resource} was fetched ${times} times`);
      assertEquals(asked.size, 8);
      if (process.platform !== "win32") {
        for (const ending of ["", "-wal", "-shm"]) {
          if (existsSync(path + ending)) assertEquals(statSync(path + ending).mode & 0o777, 0o600, ending);
        }
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("finds what another has stored, and lets one of them validate what has expired", async () => {
    const path = `${folder}/two.sqlite`;
    const answer = (_: Request, count: number) => numbered(count, { "cache-control": "max-age=60", etag: '"a"' });
    await using one = new CachedOrigin(answer, { store: new CacheSqliteStore(path) });
    await using other = new CachedOrigin(answer, { store: new CacheSqliteStore(path) });
    assertEquals([(await one.get()).text, (await other.get()).text], ["answer 1", "answer 1"]);
    assertEquals([one.seen.length, other.seen.length], [1, 0]);
    one.pass(120);
    other.pass(120);
    await Promise.all(Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? one : other).get()));
    // One of them; on a machine that takes more than a second for it, each once.
    const seen = one.seen.length + other.seen.length;
    assert(seen === 2 || seen === 3, `validated ${seen - 1} times`);
    await one.session.fetch(key, { method: "POST", body: "changes it" }).then((response) => response.text());
    await other.get();
    assertEquals(other.seen.length + one.seen.length, seen + 2);
  });

  it("holds its locks while others of the same process open and close it", {
    skip: process.platform === "linux" ? false : "only Linux tells who holds locks",
  }, () => {
    const path = `${folder}/locked.sqlite`;
    const locks = () => {
      const file = `:${statSync(`${path}-shm`).ino} `;
      return readFileSync("/proc/locks", "utf8").split("\n").filter((line) => line.includes(file)).length;
    };
    using store = new HttpCache({ store: new CacheSqliteStore(path) });
    assertEquals([store.size, locks() > 0], [0, true]);
    const other = new CacheSqliteStore(path);
    assertEquals([other.size, locks() > 0], [0, true]);
    other.close();
    assertEquals([store.size, locks() > 0], [0, true]);
  });

  it("stays within its size, and lets readers finish what is removed", async () => {
    const store = new CacheSqliteStore(`${folder}/bounded.sqlite`, { maxBytes: 3_000_000 });
    const put = (uri: string, size: number) => {
      const writer = store.open();
      for (let start = 0; start < size; start += 100_000) writer.write(new Uint8Array(100_000).fill(7));
      writer.commit(recordOf(uri, uri));
      store.trim(Infinity);
    };
    put("http://origin.example/large", 2_000_000);
    const body = store.read(store.find("http://origin.example/large")[0]!);
    assert(body instanceof ReadableStream);
    for (let index = 0; index < 10; index++) put(`http://origin.example/${index}`, 500_000);
    assert(store.bytes <= 3_000_000 && store.size <= 6, `${store.bytes} bytes of ${store.size}`);
    assertEquals(store.find("http://origin.example/large"), []);
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    assertEquals([bytes.length, bytes.every((byte) => byte === 7)], [2_000_000, true]);
    store.close();
  });
});

describe("a cache whose store answers later", () => {
  it("stores, validates, forgets and collapses as any other", async () => {
    const store = new LateStore();
    await using origin = new CachedOrigin(
      (request, count) =>
        request.headers.has("if-none-match")
          ? new Response(null, { status: 304, headers: { etag: '"a"', "cache-control": "max-age=60" } })
          : numbered(count, { "cache-control": "max-age=60", etag: '"a"' }),
      { store },
    );
    const texts = await Promise.all(Array.from({ length: 8 }, async () => (await origin.get()).text));
    assertEquals([new Set(texts), origin.seen.length], [new Set(["answer 1"]), 1]);
    assertEquals(((await origin.get()).text, origin.seen.length), 1);
    origin.pass(120);
    assertEquals([(await origin.get()).text, origin.seen.length], ["answer 1", 2]);
    await origin.cache.delete(key);
    assertEquals([(await origin.get()).text, origin.seen.length], ["answer 3", 3]);
    await origin.cache.clear();
    assertEquals(store.size, 0);
  });

  it("goes on as if there were nothing where the store fails, and tells of it", async () => {
    const store = new LateStore();
    const large = new Uint8Array(400_000).fill(1);
    await using origin = new CachedOrigin(() => new Response(large, { headers: { "cache-control": "max-age=60" } }), {
      store,
    });
    const errors: unknown[] = [];
    origin.cache.addEventListener("store-error", ({ error }) => errors.push(error));
    store.fails = true;
    for (let count = 1; count <= 3; count++) {
      assertEquals([(await origin.get()).text.length, origin.seen.length], [large.length, count]);
    }
    assert(errors.length >= 3 && errors.every((error) => String(error) === "Error: The store is gone"));
    assertEquals(origin.cache.storageError, errors.at(-1));
    store.fails = false;
    await origin.get();
    assertEquals(((await origin.get()).text.length, origin.seen.length), 4);
  });

  it("is passed by where the thread is blocked, and the log says so", async () => {
    const server = createServer((_, response) =>
      response.writeHead(200, { "cache-control": "max-age=60" }).end("sync")
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    server.closeAllConnections();
    const lines: string[] = [];
    const logger = new Logger({ level: "minimal", printer: (_level, _direction, line) => void lines.push(line) });
    await using session = new HttpSession({ features: [new HttpCache({ store: new LateStore() }), logger] });
    // The server's own thread would be blocked, too: that nobody is there is all this has to find out.
    session.sendMessageSync(new HttpMessage("GET", `http://127.0.0.1:${port}/`));
    assert(lines.some((line) => line.endsWith(", cache passed by")), lines.join("\n"));
  });
});
