// About the bodies of http/features/cache/: one that ends before its announced end is stored nowhere and given to nobody, and one that is removed while it is read is read whole or not at all.
import { existsSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CacheFileStore } from "../../../../http/features/cache/file_store.ts";
import { CacheMemoryStore, type CacheStore } from "../../../../http/features/cache/store.ts";
import { HttpCache } from "../../../../http/features/cache/http_cache.ts";
import { HttpError, HttpMessage, HttpStatus } from "../../../../http/mod.ts";
import { openSqlite } from "../../../../http/storage/private_database.ts";
import { CacheSqliteStore } from "../../../../http/stores/cache_sqlite_store.ts";
import { CachedOrigin } from "../../../_support/cached_origin.ts";
import { recordOf } from "../../../_support/cache_record.ts";
import { type Route, routeServer } from "../../../_support/http_server.ts";
import { sessionOn, transportsWithHttp2 } from "../../../_support/http_sessions.ts";
import { LateStore } from "../../../_support/late_store.ts";
import type { SocketServer } from "../../../_support/socket_server.ts";
import { temporaryFolder } from "../../../_support/temporary_folder.ts";

const folder = temporaryFolder("torn");
const key = "http://origin.example/";
let count = 0;
const stores: Record<string, () => CacheStore> = {
  CacheMemoryStore: () => new CacheMemoryStore(),
  CacheFileStore: () => new CacheFileStore(join(folder, `store-${++count}`)),
  CacheSqliteStore: () => new CacheSqliteStore(join(folder, `store-${++count}.sqlite`)),
  "a store that answers later": () => new LateStore(),
};

/** An answer with so many bytes of a body for which so many were announced. */
function answer(sent: number, announced: number): Response {
  let left = sent;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const piece = Math.min(left, 30_000);
      left -= piece;
      if (piece > 0) controller.enqueue(new Uint8Array(piece).fill(7));
      else controller.close();
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "cache-control": "max-age=60", "content-length": String(announced) } });
}

for (const [name, make] of Object.entries(stores)) {
  describe(`a body that ends too early, over ${name}`, () => {
    for (const length of [10, 100_000]) {
      it(`fails for its reader and goes to nobody else, at ${length} bytes`, async () => {
        const store = make();
        const sent = [0, Math.ceil(length / 3), length];
        const origin = new CachedOrigin((_, time) => answer(sent[time - 1]!, length), { store });
        // All ask at once: each torn answer is one requester's, and the rest asks anew.
        const ends = await Promise.all(Array.from({ length: 6 }, async () => {
          try {
            return (await origin.get()).text.length;
          } catch (error) {
            assert(error instanceof HttpError);
            return error.code;
          }
        }));
        assertEquals(ends.filter((end) => end === "ERR_HTTP_TRUNCATED_RESPONSE").length, 2, String(ends));
        assertEquals(ends.filter((end) => end === length).length, 4, String(ends));
        assertEquals([origin.seen.length, (await origin.get()).text.length, store.size], [3, length, 1]);
        await origin.session.close();
        await store.close?.();
      });
    }
  });
}

const head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n";
const cut = (start: string): Route => (_request, socket) => {
  socket.write(head + start);
  // The end comes a moment later: Bun's streams drop bytes that arrive together with the error.
  setTimeout(() => socket.end(), 20);
};
const large = "x".repeat(70_000);
const torn: Readonly<Record<string, Route>> = {
  "/small": cut("Content-Length: 100\r\n\r\n0123456789"),
  "/nothing": cut("Content-Length: 100\r\n\r\n"),
  "/large": cut(`Content-Length: 200000\r\n\r\n${large}`),
  "/chunks": cut("Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n"),
  "/within-chunk": cut(`Transfer-Encoding: chunked\r\n\r\nffff0\r\n${large}`),
  "/no-chunk": cut("Transfer-Encoding: chunked\r\n\r\n"),
};

for (const transport of transportsWithHttp2) {
  describe(`a connection that is cut within a body, on ${transport}`, () => {
    let server: SocketServer;
    before(async () => {
      server = await routeServer(torn, transport);
    });
    after(() => server.close());

    for (const path of Object.keys(torn)) {
      it(`is no end of it: ${path}`, async () => {
        for (const cache of [null, new HttpCache()]) {
          await using session = sessionOn(transport, cache === null ? {} : { features: [cache] });
          const url = server.origin + path;
          const response = await session.fetch(url);
          await assertRejects(() => response.arrayBuffer(), HttpError);
          const streamed = await session.fetch(url);
          await assertRejects(async () => {
            for await (const piece of streamed.body!) assert(piece.byteLength > 0);
          });
          const msg = new HttpMessage("GET", url);
          assertEquals([await session.sendMessage(msg), cache?.size ?? 0], [HttpStatus.IO_ERROR, 0]);
        }
      });
    }
  });
}

/** A body of several pieces in every store. */
const LENGTH = 1_300_000;

function put(store: CacheStore, mark: number): void {
  const writer = store.open() as Exclude<ReturnType<CacheStore["open"]>, Promise<unknown>>;
  for (let at = 0; at < LENGTH; at += 100_000) void writer.write(new Uint8Array(100_000).fill(mark));
  void writer.commit(recordOf(key, String(mark)));
  void writer.discard();
}

function entryOf(store: CacheStore) {
  return (store.find(key) as Awaited<ReturnType<CacheStore["find"]>>)[0]!;
}

/** Reads a stored body whose beginning is there when `meanwhile` happens; its length, or why there is none. */
async function readAcross(store: CacheStore, mark: number, meanwhile: () => unknown): Promise<number | string> {
  const body = store.read(entryOf(store));
  assert(body instanceof ReadableStream);
  const reader = body.getReader();
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return length;
      if (length === 0) await meanwhile();
      length += value.byteLength;
      assertEquals([value[0], value.at(-1)], [mark, mark]);
    }
  } catch (error) {
    return String(error);
  }
}

const removals: Record<string, (store: CacheStore) => unknown> = {
  "is replaced": (store) => put(store, 9),
  "is evicted": (store) => store.trim(0),
  "is deleted": (store) => store.delete(entryOf(store)),
  "goes with all others": (store) => store.clear(),
};

for (const [name, make] of Object.entries(stores).slice(0, 3)) {
  describe(`a stored body that is read, over ${name}`, () => {
    for (const [what, remove] of Object.entries(removals)) {
      it(`is whole though it ${what} meanwhile`, async () => {
        const store = make();
        put(store, 7);
        assertEquals(await readAcross(store, 7, () => remove(store)), LENGTH);
        await store.close?.();
      });
    }
  });
}

describe("a stored body that somebody else takes away", () => {
  it("fails for who has begun to read it, and is asked for again by the next", async () => {
    const path = join(folder, `store-${++count}.sqlite`);
    const store = new CacheSqliteStore(path);
    await using origin = new CachedOrigin(() => answer(LENGTH, LENGTH), { store });
    await origin.get();
    const other = openSqlite(path);
    const takeAway = () => other.run("DELETE FROM pieces WHERE start > 0");
    const response = await origin.session.fetch(key);
    const reader = response.body!.getReader();
    await reader.read();
    takeAway();
    await assertRejects(async () => {
      while (!(await reader.read()).done);
    }, HttpError);
    await origin.cache.clear();
    assertEquals([(await origin.get()).text.length, origin.seen.length], [LENGTH, 2]);
    other.close();
    store.close();
  });

  it("is asked for again where it is gone before anybody reads it", async () => {
    const path = join(folder, `store-${++count}`);
    const shared = `${path}.sqlite`;
    const takeAway: [CacheStore, () => void][] = [
      [new CacheFileStore(path), () => {
        for (const name of readdirSync(path)) if (name.endsWith(".body")) unlinkSync(join(path, name));
      }],
      [new CacheSqliteStore(shared), () => {
        const other = openSqlite(shared);
        other.exec("DELETE FROM pieces");
        other.close();
      }],
    ];
    for (const [store, take] of takeAway) {
      await using origin = new CachedOrigin(() => answer(LENGTH, LENGTH), { store });
      await origin.get();
      take();
      assertEquals([(await origin.get()).text.length, origin.seen.length], [LENGTH, 2]);
      await store.close?.();
    }
    assert(existsSync(path));
  });
});
