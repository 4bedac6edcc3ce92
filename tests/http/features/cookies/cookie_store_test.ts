import { describe, it } from "node:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { CookieFileOptions, CookieStore } from "../../../../http/features/cookies/cookie.ts";
import { CookieJar } from "../../../../http/features/cookies/cookie_jar.ts";
import { CookieSqliteStore, CookieTextStore } from "../../../../http/features/cookies/cookie_stores.ts";
import { openSqlite } from "../../../../http/storage/private_database.ts";
import { programEnd, startProgram } from "../../../_support/child_program.ts";
import { temporaryFolder } from "../../../_support/temporary_folder.ts";

const folder = temporaryFolder("cookies");
const origin = "https://www.example.com/";
const stores: Record<string, (path: string, options?: CookieFileOptions) => CookieStore> = {
  text: (path, options) => new CookieTextStore(path, options),
  sqlite: (path, options) => new CookieSqliteStore(path, options),
};

function contents(store: CookieStore): string[] {
  using jar = new CookieJar({ store });
  return jar.allCookies().map(({ name, value, domain, hostOnly, path, secure, httpOnly, sameSite }) =>
    `${name}=${value} ${hostOnly ? "" : "."}${domain}${path} ${secure} ${httpOnly} ${sameSite}`
  );
}

/** Runs a writer until it has said enough, kills it, and returns the last step it said was kept. */
async function killWriter(kind: string, path: string, first: number): Promise<number> {
  const child = startProgram(new URL("../../../_support/cookie_writer.ts", import.meta.url), [
    kind,
    path,
    String(first),
  ]);
  let said = "";
  child.stdout!.setEncoding("utf8");
  child.stdout!.on("data", (text: string) => {
    said += text;
    if (said.length > 4000) child.kill("SIGKILL");
  });
  await programEnd(child);
  const lines = said.split("\n");
  lines.pop();
  return Number(lines.at(-1));
}

it("the cookie file below what is no folder is refused by its path", () => {
  const file = join(folder, "no-folder");
  writeFileSync(file, "");
  const path = join(file, "cookies.txt");
  const reason = (error: Error & { code?: string }) => `${error.message} ${error.code}`;
  const store = new CookieTextStore(path);
  assertEquals(
    reason(assertThrows(() => new CookieJar({ store })) as Error),
    `Cannot read the cookies in ${path}: not a directory (ENOTDIR) ENOTDIR`,
  );
  assertMatch(
    reason(
      assertThrows(() => {
        using jar = new CookieJar();
        jar.setCookie("a=1; Max-Age=1000", origin);
        const [newCookie] = jar.allCookies();
        store.apply([{ oldCookie: null, newCookie: newCookie! }], () => [newCookie!]);
      }) as Error,
    ),
    /^Cannot write the cookies to .*cookies\.txt: .* \(E[A-Z]+\) E[A-Z]+$/,
  );
});

for (const [kind, make] of Object.entries(stores)) {
  describe(`cookie store: ${kind}`, () => {
    it("keeps every attribute, in order, and no session cookie", () => {
      const path = join(folder, `attributes.${kind}`);
      {
        using jar = new CookieJar({ store: make(path) });
        jar.setCookie("plain=1; Max-Age=1000", origin);
        jar.setCookie("session=2", origin);
        jar.setCookie("full=3; Max-Age=1000; Domain=example.com; Path=/x; Secure; HttpOnly; SameSite=Strict", origin);
        jar.setCookie("none=4; Max-Age=1000; Secure; SameSite=None", origin);
        jar.setCookie("plain=5; Max-Age=1000", origin);
      }
      const expected = [
        "plain=5 www.example.com/ false false lax",
        "full=3 .example.com/x true true strict",
        "none=4 www.example.com/ true false none",
      ];
      assertEquals(contents(make(path)), expected);
      assertEquals(contents(make(path)), expected);
      assertEquals(statSync(path).mode & 0o777, 0o600);
    });

    it("forgets what was removed, replaced by a session cookie, or has expired", () => {
      const path = join(folder, `removed.${kind}`);
      {
        using jar = new CookieJar({ store: make(path) });
        for (const name of ["a", "b", "c", "d"]) jar.setCookie(`${name}=1; Max-Age=1000`, origin);
        jar.setCookie("a=; Max-Age=0", origin);
        jar.setCookie("b=2", origin);
        jar.deleteCookie({ name: "c", domain: "www.example.com", path: "/" });
      }
      assertEquals(contents(make(path)), ["d=1 www.example.com/ false false lax"]);
      using later = new CookieJar({ store: make(path), now: () => Date.now() + 2_000_000 });
      assertEquals(later.allCookies(), []);
    });

    it("keeps session cookies where it is told to, and has them for nobody else", () => {
      const path = join(folder, `session.${kind}`);
      const all = { keepSessionCookies: true };
      {
        using jar = new CookieJar({ store: make(path, all) });
        for (const name of ["kept", "removed", "ended", "replaced"]) jar.setCookie(`${name}=1; Secure`, origin);
        jar.setCookie("lasting=1; Max-Age=1000", origin);
        jar.setCookie("kept=2; Secure; HttpOnly", origin);
        jar.setCookie("removed=; Secure; Max-Age=0", origin);
        jar.setCookie("replaced=2; Max-Age=1000", origin);
        jar.setCookie("lasting=2", origin);
        jar.deleteCookie({ name: "ended", domain: "www.example.com", path: "/" });
      }
      for (let round = 0; round < 2; round++) {
        using jar = new CookieJar({ store: make(path, all) });
        assertEquals(jar.allCookies().map(({ expires, name, value }) => [name, value, expires === null]), [
          ["kept", "2", true],
          ["replaced", "2", false],
          ["lasting", "2", true],
        ]);
        assertEquals(jar.getCookieHeader(origin), "kept=2; replaced=2; lasting=2");
      }
      assertEquals(contents(make(path)).map((line) => line.split(" ")[0]), ["replaced=2"]);
      using jar = new CookieJar({ store: make(path, all) });
      jar.clear();
      assertEquals(contents(make(path, all)), []);
    });

    it("refuses a keepSessionCookies that is neither true nor false", () => {
      const options = { keepSessionCookies: "no" } as unknown as CookieFileOptions;
      assertThrows(() => make(join(folder, `refused.${kind}`), options), TypeError, "keepSessionCookies");
    });

    it("keeps what a thousand changes left", () => {
      const path = join(folder, `many.${kind}`);
      {
        using jar = new CookieJar({ store: make(path) });
        for (let step = 0; step < 1000; step++) jar.setCookie(`c${step % 10}=${step}; Max-Age=1000`, origin);
      }
      assertEquals(
        contents(make(path)).map((line) => line.split(" ")[0]),
        Array.from({ length: 10 }, (_, index) => `c${index}=${990 + index}`),
      );
      assert(statSync(path).size < 60_000);
    });

    it("loses and corrupts nothing when its process is killed", async () => {
      const path = join(folder, `killed.${kind}`);
      let step = 0;
      for (let round = 0; round < 3; round++) {
        const kept = await killWriter(kind, path, step);
        assert(kept > step);
        using jar = new CookieJar({ store: make(path) });
        const values = new Map(jar.allCookies().map(({ name, value }) => [name, Number(value)]));
        for (let past = Math.max(kept - 49, 0); past <= kept; past++) {
          assert(values.get(`c${past % 50}`)! >= past, `step ${past} of ${kept} is lost`);
        }
        step = kept + 1;
      }
    });

    it("refuses a path that is none", () => {
      assertThrows(() => make(""), TypeError, "path");
    });
  });
}

describe("CookieTextStore", () => {
  it("reads what curl and libsoup write", () => {
    const path = join(folder, "foreign.txt");
    const lines = [
      "# Netscape HTTP Cookie File",
      "",
      "www.example.com\tFALSE\t/\tTRUE\t4102444800\ta\t1",
      "#HttpOnly_.example.com\tTRUE\t/x\tFALSE\t4102444800\tb\t2\tStrict",
      "www.example.com\tFALSE\t/\tFALSE\t0\tsession\t3",
      "www.example.com\tFALSE\t/\tFALSE\t1000\texpired\t4",
      "not a cookie",
      "example.com\tFALSE\tnopath\tFALSE\t4102444800\tc\t5",
      ".example.org\tTRUE\t/\tFALSE\t4102444800\tempty\t\r",
    ];
    writeFileSync(path, lines.join("\n") + "\n");
    assertEquals(contents(new CookieTextStore(path)), [
      "a=1 www.example.com/ true false lax",
      "b=2 .example.com/x false true strict",
      "empty= .example.org/ false false lax",
    ]);
  });

  it("reads and writes the session cookies of curl and wget, whose time is 0, where it keeps such", () => {
    const path = join(folder, "sessions_of_curl.txt");
    const line = "#HttpOnly_www.example.com\tFALSE\t/\tTRUE\t0\tsid\t1\n";
    writeFileSync(path, `# Netscape HTTP Cookie File\n\n${line}`);
    using jar = new CookieJar({ store: new CookieTextStore(path, { keepSessionCookies: true }) });
    assertEquals(jar.allCookies().map(({ expires, value }) => [value, expires]), [["1", null]]);
    jar.setCookie("sid=2; Secure; HttpOnly", origin);
    assertEquals(readFileSync(path, "utf8").split("\n").at(-2), line.replace("\t1\n", "\t2"));
  });

  it("writes the seven columns other programs read", () => {
    const path = join(folder, "written.txt");
    using jar = new CookieJar({ store: new CookieTextStore(path) });
    jar.setCookie("a=1; Max-Age=1000; HttpOnly; Domain=example.com", origin);
    const lines = readFileSync(path, "utf8").split("\n");
    assertEquals(lines[0], "# Netscape HTTP Cookie File");
    assertMatch(lines.at(-2)!, /^#HttpOnly_\.example\.com\tTRUE\t\/\tFALSE\t\d{10}\ta\t1$/);
  });

  it("writes no cookie whose TABs would break its line, and forgets the one it replaces", () => {
    const path = join(folder, "tabs.txt");
    {
      using jar = new CookieJar({ store: new CookieTextStore(path) });
      jar.setCookie("a=1; Max-Age=1000", origin);
      jar.setCookie("a=1\tStrict; Max-Age=1000", origin);
      jar.setCookie("b\tx=2; Max-Age=1000", origin);
      jar.setCookie("c=3; Max-Age=1000", origin);
      assertEquals(jar.size, 3);
    }
    assertEquals(contents(new CookieTextStore(path)).map((line) => line.split(" ")[0]), ["c=3"]);
  });

  it("repairs a line that was cut off while it was written", () => {
    const path = join(folder, "torn.txt");
    writeFileSync(
      path,
      "www.example.com\tFALSE\t/\tTRUE\t4102444800\ta\t1\nwww.example.com\tFALSE\t/\tTRUE\t4102444800\tb",
    );
    {
      using jar = new CookieJar({ store: new CookieTextStore(path) });
      jar.setCookie("c=3; Max-Age=1000", origin);
    }
    assertEquals(contents(new CookieTextStore(path)).map((line) => line.split(" ")[0]), ["a=1", "c=3"]);
    assertEquals(readdirSync(folder).filter((name) => name.startsWith("torn.txt.")), []);
  });

  it("does not take a value that was cut off while it was written itself", () => {
    const path = join(folder, "cut.txt");
    // Others have begun the file: what is appended to it is known, too.
    writeFileSync(path, "# Netscape HTTP Cookie File\n");
    {
      using jar = new CookieJar({ store: new CookieTextStore(path) });
      jar.setCookie("a=1; Max-Age=1000", origin);
      jar.setCookie("b=secret; Max-Age=1000", origin);
    }
    writeFileSync(path, readFileSync(path, "utf8").slice(0, -3));
    assertEquals(contents(new CookieTextStore(path)).map((line) => line.split(" ")[0]), ["a=1"]);
  });

  it("reads and keeps every cookie of a file that begins with a byte order mark and ends without a newline", () => {
    const path = join(folder, "exported.txt");
    const line = (name: string) => `www.example.com\tFALSE\t/\tTRUE\t4102444800\t${name}\t1`;
    writeFileSync(path, `\ufeff${line("a")}\r\n${line("b")}`);
    {
      using jar = new CookieJar({ store: new CookieTextStore(path) });
      assertEquals(jar.allCookies().map(({ name }) => name), ["a", "b"]);
      jar.setCookie("c=1; Secure; Max-Age=1000", origin);
    }
    assertEquals(contents(new CookieTextStore(path)).map((each) => each.split(" ")[0]), ["a=1", "b=1", "c=1"]);
  });

  it("fails aloud when the file cannot be read or written", () => {
    assertThrows(() => new CookieJar({ store: new CookieTextStore(folder) }), Error, "EISDIR");
    const path = join(folder, "taken.txt");
    const jar = new CookieJar({ store: new CookieTextStore(path) });
    mkdirSync(path);
    assertThrows(() => jar.setCookie("a=1; Max-Age=10", origin), Error, "EISDIR");
  });
});

describe("CookieSqliteStore", () => {
  it("reads a database of browsers and libsoup, with or without SameSite", () => {
    const path = join(folder, "foreign.sqlite");
    const database = openSqlite(path);
    database.exec(`CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, name TEXT, value TEXT, host TEXT, path TEXT,
      expiry INTEGER, lastAccessed INTEGER, isSecure INTEGER, isHttpOnly INTEGER)`);
    database.run("INSERT INTO moz_cookies VALUES (NULL, 'a', '1', '.example.com', '/', 4102444800, 0, 1, 0)");
    database.close();
    assertEquals(contents(new CookieSqliteStore(path)), ["a=1 .example.com/ true false lax"]);
  });

  it("fails aloud when the file is no database", () => {
    const path = join(folder, "no.sqlite");
    writeFileSync(path, "this is no database, however long one reads it ".repeat(100));
    assertThrows(() => new CookieJar({ store: new CookieSqliteStore(path) }), Error, "not a database");
  });
});
