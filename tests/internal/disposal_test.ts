// What owns something can be disposed of, at once and awaited, as often as one likes: the classes of all entries.
import { assert, assertEquals } from "@std/assert";
import { after, before, describe, it } from "node:test";
import * as http from "../../http/mod.ts";
import * as session from "../../session/mod.ts";
import * as webcrypto from "../../webcrypto/mod.ts";
import { softhsmSkip as skip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const { CKM } = session;

function isClass(value: unknown): value is { readonly name: string; readonly prototype: object } {
  return typeof value === "function" && typeof value.prototype === "object" && value.prototype !== null;
}

describe("What can be closed", () => {
  it("can be disposed of, at once and awaited", () => {
    const exported: readonly unknown[] = Object.values({ ...http, ...session, ...webcrypto });
    const owners = exported.filter(isClass).filter(({ prototype }) => "close" in prototype);
    assert(owners.length > 20, `${owners.length} classes`);
    const lacking = owners.filter(({ prototype }) =>
      !(Symbol.dispose in prototype) || !(Symbol.asyncDispose in prototype)
    );
    assertEquals(lacking.map(({ name }) => name), []);
  });

  it("may be closed more than once", async () => {
    const folder = temporaryFolder("disposal");
    const url = "redis://127.0.0.1:1";
    const owners: (Disposable & AsyncDisposable & { close(): unknown })[] = [
      new http.CacheSqliteStore(`${folder}/cache.db`),
      new http.CookieSqliteStore(`${folder}/cookies.db`),
      new http.CacheRedisStore({ url }),
      new http.CookieRedisStore({ url, jar: "jar" }),
      new http.HstsRedisStore({ url }),
      new http.RateLimitRedisStore({ url }),
      new http.RateLimit(),
      new http.HttpSession(),
    ];
    for (const owner of owners) {
      owner[Symbol.dispose]();
      await owner[Symbol.asyncDispose]();
      await owner.close();
    }
  });
});

describe("An operation in parts that is disposed of", () => {
  let on: TokenSession;
  const data = new Uint8Array(8);
  before(async () => {
    if (!skip) on = await TokenSession.open();
  });
  after(() => on?.close());

  it("leaves its session free, whichever kind it is and however it is left", { skip }, async () => {
    {
      using digester = on.session.digester(CKM.SHA256);
      await digester.update(data);
    }
    assertEquals((await on.session.digest(CKM.SHA256, data)).length, 32);
    {
      await using digester = on.session.digesterSync(CKM.SHA256);
      digester.update(data);
    }
    assertEquals(on.session.digestSync(CKM.SHA256, data).length, 32);
    const digester = on.session.digester(CKM.SHA256);
    await digester.update(data);
    for (let times = 0; times < 2; times++) digester[Symbol.dispose]();
    await digester[Symbol.asyncDispose]();
    assertEquals((await on.session.digest(CKM.SHA256, data)).length, 32);
  });
});
