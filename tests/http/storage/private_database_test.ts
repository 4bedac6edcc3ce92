import { describe, it } from "node:test";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { CacheSqliteStore } from "../../../http/stores/cache_sqlite_store.ts";
import { CookieJar } from "../../../http/features/cookies/cookie_jar.ts";
import { CookieSqliteStore } from "../../../http/features/cookies/cookie_stores.ts";
import { inTransaction, openPrivateDatabase } from "../../../http/storage/private_database.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const folder = temporaryFolder("databases");

/** The files of a database that this process has open, and those that stand beside it. */
function leftOf(path: string): string[] {
  const handles = readdirSync("/proc/self/fd").flatMap((handle) => {
    try {
      return readlinkSync(`/proc/self/fd/${handle}`);
    } catch {
      return [];
    }
  });
  const beside = ["-wal", "-shm"].map((ending) => path + ending).filter((file) => existsSync(file));
  return [...handles.filter((file) => file.startsWith(path)), ...beside];
}

describe("A private database", () => {
  it("tells why a transaction fails that SQLite itself has ended, and can be used again", () => {
    const path = `${folder}/full.sqlite`;
    const database = openPrivateDatabase(path, "CREATE TABLE t (v TEXT); PRAGMA max_page_count = 8");
    const insert = (length: number) => () => database.run("INSERT INTO t VALUES (?)", "v".repeat(length));
    const error = assertThrows(() => inTransaction(database, insert(100_000)), Error);
    assertEquals(error.message, `Cannot use the database ${path}: database or disk is full`);
    assertInstanceOf(error.cause, Error);
    inTransaction(database, insert(10));
    assertEquals(database.all("SELECT length(v) AS length FROM t").map((row) => row["length"]), [10]);
    database.close();
  });

  it("hands on what the transaction itself throws, and keeps nothing of it", () => {
    const database = openPrivateDatabase(":memory:", "CREATE TABLE t (v TEXT)");
    const own = new Error("own");
    const failing = () => {
      database.run("INSERT INTO t VALUES ('v')");
      throw own;
    };
    assertEquals(assertThrows(() => inTransaction(database, failing)), own);
    assertEquals(database.all("SELECT v FROM t"), []);
    database.close();
  });

  const skip = process.platform !== "linux" && "only Linux shows the files that are open";
  it("leaves no file open or behind when a store is closed", { skip }, () => {
    const cookies = `${folder}/cookies.sqlite`;
    {
      using jar = new CookieJar({ store: new CookieSqliteStore(cookies) });
      jar.setCookie("a=1; Max-Age=1000", "https://example.com/");
      assertStringIncludes(leftOf(cookies).join(), cookies);
    }
    assertEquals(leftOf(cookies), []);
    const cache = `${folder}/cache.sqlite`;
    {
      using store = new CacheSqliteStore(cache);
      assertEquals(store.find("https://example.com/"), []);
      const writer = store.open();
      writer.write(new Uint8Array(10));
      writer.discard();
    }
    assertEquals(leftOf(cache), []);
  });
});
