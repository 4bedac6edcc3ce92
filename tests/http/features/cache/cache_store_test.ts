import { describe, it } from "node:test";
import { readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CacheFileStore } from "../../../../http/features/cache/file_store.ts";
import { CacheMemoryStore } from "../../../../http/features/cache/store.ts";
import { CacheSqliteStore } from "../../../../http/stores/cache_sqlite_store.ts";
import { CachedOrigin, numbered } from "../../../_support/cached_origin.ts";
import { recordOf } from "../../../_support/cache_record.ts";
import { programEnd, startProgram } from "../../../_support/child_program.ts";
import { temporaryFolder } from "../../../_support/temporary_folder.ts";

const folder = temporaryFolder("cache");
const key = "http://origin.example/";
let count = 0;
type TestedStore = CacheMemoryStore | CacheFileStore | CacheSqliteStore;
const stores: Record<string, () => TestedStore> = {
  CacheMemoryStore: () => new CacheMemoryStore(),
  CacheFileStore: () => new CacheFileStore(join(folder, `store-${++count}`)),
  CacheSqliteStore: () => new CacheSqliteStore(join(folder, `store-${++count}.sqlite`)),
};

function put(store: TestedStore, uri: string, mark: string, pieces: readonly Uint8Array[]): void {
  const writer = store.open();
  for (const piece of pieces) writer.write(piece);
  writer.commit(recordOf(uri, mark));
  writer.discard();
}

async function bodyOf(store: TestedStore, uri: string): Promise<string | null> {
  const [entry] = store.find(uri);
  const body = entry ? store.read(entry) : null;
  return body && await new Response(body).text();
}

const text = (value: string) => new TextEncoder().encode(value);

for (const [name, make] of Object.entries(stores)) {
  describe(name, () => {
    it("finds what was committed and nothing else", async () => {
      const store = make();
      put(store, key, "1", [text("hello "), text("world")]);
      const open = store.open();
      open.write(text("never"));
      open.discard();
      assertEquals([await bodyOf(store, key), await bodyOf(store, `${key}x`), store.size], ["hello world", null, 1]);
      assertEquals(new TextDecoder().decode(store.readAll(store.find(key)[0]!)!), "hello world");
    });

    it("gives back what is being written, if at all", () => {
      const store = make();
      const writer = store.open();
      if (writer.read === undefined) return writer.discard() as void;
      writer.write(text("abc"));
      writer.write(text("defgh"));
      const read = (position: number) => new TextDecoder().decode(writer.read!(position));
      assert("abcdefgh".startsWith(read(0)) && read(0) !== "");
      assert("efgh".startsWith(read(4)) && read(4) !== "");
      writer.discard();
    });

    it("replaces the same variant and counts what it keeps", () => {
      const store = make();
      put(store, key, "1", [new Uint8Array(1000)]);
      const before = store.bytes;
      put(store, key, "2", [new Uint8Array(1000)]);
      assertEquals([store.size, store.bytes], [1, before]);
      store.delete(store.find(key)[0]!);
      assertEquals([store.size, store.bytes], [0, 0]);
    });

    it("drops the least recently used first", () => {
      const store = make();
      for (const mark of ["a", "b", "c"]) put(store, key + mark, mark, [new Uint8Array(1000)]);
      store.touch(store.find(`${key}a`)[0]!);
      store.trim(2200);
      assertEquals(["a", "b", "c"].filter((mark) => store.find(key + mark).length > 0), ["a", "c"]);
      store.clear();
      assertEquals([store.size, store.bytes], [0, 0]);
    });

    it("streams a large body unchanged", async () => {
      const store = make();
      const pieces = Array.from({ length: 40 }, (_, index) => new Uint8Array(70_001).fill(index));
      put(store, key, "1", pieces);
      const body = store.read(store.find(key)[0]!);
      assert(body instanceof ReadableStream);
      const bytes = new Uint8Array(await new Response(body).arrayBuffer());
      assertEquals(bytes.length, 40 * 70_001);
      for (let index = 0; index < 40; index++) assertEquals(bytes[index * 70_001 + 5], index);
    });

    it("serves an HttpCache", async () => {
      await using origin = new CachedOrigin((_, n) => numbered(n, { "cache-control": "max-age=60" }), {
        store: make(),
      });
      await origin.get();
      assertEquals([(await origin.get()).text, origin.cache.size], ["answer 1", 1]);
    });
  });
}

describe("CacheFileStore on the disk", () => {
  it("is found by the next process, for its owner only", async () => {
    const path = join(folder, "kept");
    await using first = new CachedOrigin((_, n) => numbered(n, { "cache-control": "max-age=60", etag: '"a"' }), {
      store: new CacheFileStore(path),
    });
    await first.get();
    await using second = new CachedOrigin((_, n) => numbered(n + 100, {}), { store: new CacheFileStore(path) });
    assertEquals((await second.get()).text, "answer 1");
    for (const name of readdirSync(path)) assertEquals(statSync(join(path, name)).mode & 0o777, 0o600);
    assertEquals(statSync(path).mode & 0o777, 0o700);
  });

  const damages: Record<string, (file: string) => void> = {
    "cut off": (file) => truncateSync(file, statSync(file).size - 1),
    changed: (file) => {
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(file, bytes);
    },
    emptied: (file) => truncateSync(file, 0),
  };
  for (const [what, damage] of Object.entries(damages)) {
    for (const kind of [".meta", ".body"]) {
      it(`never serves a response whose ${kind} file was ${what}`, async () => {
        const path = join(folder, `damage-${what.replace(" ", "")}${kind}`);
        put(new CacheFileStore(path), key, "1", [text("precious content")]);
        damage(join(path, readdirSync(path).find((name) => name.endsWith(kind))!));
        const store = new CacheFileStore(path);
        assertEquals([await bodyOf(store, key), store.size, store.bytes], [null, 0, 0]);
        assertEquals(readdirSync(path), []);
      });
    }
  }

  it("breaks off a large body that was damaged, and forgets it", async () => {
    const path = join(folder, "damage-large");
    put(new CacheFileStore(path), key, "1", [new Uint8Array(2_000_000)]);
    damages.changed!(join(path, readdirSync(path).find((name) => name.endsWith(".body"))!));
    const store = new CacheFileStore(path);
    await assertRejects(() => bodyOf(store, key), Error, "damaged");
    assertEquals(store.size, 0);
  });

  it("removes what a killed process left behind", () => {
    const path = join(folder, "litter");
    put(new CacheFileStore(path), key, "1", [text("kept")]);
    const old = Date.now() / 1000 - 10_000;
    for (const name of ["0011223344556677.part", "0011223344556677.body"]) {
      writeFileSync(join(path, name), "left");
      utimesSync(join(path, name), old, old);
    }
    assertEquals([new CacheFileStore(path).size, readdirSync(path).length], [1, 2]);
  });

  it("is whole again after its process was killed", async () => {
    const path = join(folder, "killed");
    let step = 0;
    for (let round = 0; round < 3; round++) {
      const child = startProgram(new URL("../../../_support/cache_writer.ts", import.meta.url), [path, String(step)]);
      let said = "";
      child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk;
        if (said.length > 1000) child.kill("SIGKILL");
      });
      await programEnd(child);
      const kept = Number(said.split("\n").at(-2));
      assert(kept > step);
      const store = new CacheFileStore(path);
      for (let past = Math.max(0, kept - 19); past <= kept; past++) {
        const uri = `http://origin.example/${past % 20}`;
        const mark = store.find(uri)[0]?.record.headers[0]?.[1];
        assert(Number(mark) >= past, `step ${past} of ${kept} is lost`);
        assertEquals(await bodyOf(store, uri), `${mark} `.repeat(2000));
      }
      step = kept + 1;
    }
  });

  it("refuses a path that is none", () => {
    assertThrows(() => new CacheFileStore(""), TypeError, "path");
  });
});
