/** Cookies of many processes and machines on a Redis server. */
import type { Buffer } from "node:buffer";
import { builtin } from "../../internal/builtin_modules.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { type WhenUnreachable, whenUnreachable } from "../contract/shared_store.ts";
import type { Cookie, CookieChange, SharedCookies, SharedCookieStore } from "../features/cookies/cookie.ts";
import { keyDigest, RedisLink, RedisScript, type RedisStoreOptions } from "./redis_link.ts";

/** Options of a `CookieRedisStore`. */
export interface CookieRedisStoreOptions extends RedisStoreOptions {
  /** Which of the jars on the server: those of the same name have the same cookies. */
  readonly jar: string;
  /** What becomes of a message while the server cannot be reached: it goes with the cookies known here, or ends with TRY_AGAIN. @default {"open"} */
  readonly whenUnreachable?: WhenUnreachable | undefined;
}

/** How long a session cookie lives after it was set, in milliseconds: a week. */
const SESSION = 7 * 86_400_000;
/** Most cookies of a site; with the longest of them a site is a value of less than 4 MiB. */
const MOST = 400;

/**
 * All of a site, unless it is what the asker knows. A site is a hash: `#epoch` names its beginning, `#version` counts its
 * changes, the rest are cookies. Arguments: epoch, version.
 */
const READ = new RedisScript(`
local known = redis.call('HMGET', KEYS[1], '#epoch', '#version')
if known[1] == ARGV[1] and known[2] == ARGV[2] then return 1 end
return redis.call('HGETALL', KEYS[1])`);

/**
 * Changes of a site. Arguments: an epoch where there is none, how long the site lives at least, most fields, then a cookie's
 * name and value for each; an empty value removes it. A value begins with the time of its end.
 */
const WRITE = new RedisScript(`
redis.call('HSETNX', KEYS[1], '#epoch', ARGV[1])
if redis.call('HLEN', KEYS[1]) + (#ARGV - 3) / 2 > tonumber(ARGV[3]) then
  local now = redis.call('TIME')[1] * 1000
  local fields = redis.call('HGETALL', KEYS[1])
  for index = 1, #fields, 2 do
    local ends = string.match(fields[index + 1], '^(%d+) ')
    if ends and tonumber(ends) < now then redis.call('HDEL', KEYS[1], fields[index]) end
  end
end
for index = 4, #ARGV, 2 do
  local name, value = ARGV[index], ARGV[index + 1]
  if value == '' then redis.call('HDEL', KEYS[1], name)
  elseif redis.call('HLEN', KEYS[1]) < tonumber(ARGV[3]) or redis.call('HEXISTS', KEYS[1], name) == 1 then
    redis.call('HSET', KEYS[1], name, value)
  end
end
-- A version that is no number was not written here.
if type(redis.pcall('HINCRBY', KEYS[1], '#version', 1)) == 'table' then redis.call('HSET', KEYS[1], '#epoch', ARGV[1], '#version', 1) end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`);

/** Removes a site's cookies; who knows them finds out by the version. */
const CLEAR = new RedisScript(`
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(name, 1, 1) ~= '#' then redis.call('HDEL', KEYS[1], name) end
end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], '#version', 1) end
return 1`);

/**
 * Keeps the cookies of all processes and machines that name the same jar on a Redis or Valkey server. What one of them
 * receives the next message of another sends: each message asks once, for the cookies of its site, and gets them where
 * they have changed. Session cookies are shared, too, and live for a week after they were set; every key expires with the
 * last of its cookies. When a message has got its response the cookies of that are on the server. What the server lacks
 * of them, as it was away or began anew, it is told when it is back.
 *
 * @example One jar for all workers
 * ```ts
 * import { CookieJar, CookieRedisStore, HttpSession } from "@gp11/gp11/http";
 *
 * const store = new CookieRedisStore({ url: "redis://127.0.0.1:6379", jar: "crawler", whenUnreachable: "closed" });
 * await using jar = new CookieJar({ store });
 * jar.addEventListener("store-error", ({ error }) => console.warn("The jar is alone:", error));
 * await using session = new HttpSession({ features: [jar] });
 * ```
 */
export class CookieRedisStore implements SharedCookieStore {
  /** Every method answers later. */
  readonly synchronous = false;
  /** What becomes of a message while the server cannot be reached. */
  readonly whenUnreachable: WhenUnreachable;
  /** The jar's name. */
  readonly jar: string;
  readonly #link: RedisLink;

  /**
   * Names the server and the jar; it is connected to when it is needed.
   *
   * @throws {TypeError} Unless a jar, and either a URL of a server or a client, is given.
   */
  constructor(options: CookieRedisStoreOptions) {
    const action = "keep cookies in Redis";
    this.#link = new RedisLink(action, options);
    this.whenUnreachable = whenUnreachable(action, options.whenUnreachable);
    const { jar } = options;
    if (typeof jar !== "string" || jar === "") {
      throw new TypeError(`Cannot ${action}: the jar's name is ${JSON.stringify(jar)}`);
    }
    this.jar = jar;
  }

  /** The server, without credentials; empty for a client of the program's own. */
  get address(): string {
    return this.#link.address;
  }

  /** What every key begins with. */
  get prefix(): string {
    return this.#link.prefix;
  }

  /** The cookies of a site; `null` where they are what they were at that version. */
  async read(site: string, version: string | null): Promise<SharedCookies | null> {
    const [epoch = "", count = ""] = version?.split(" ") ?? [];
    const found = await this.#link.run(READ, [this.#key(site)], epoch, count) as Buffer[] | 1;
    if (found === 1) return null;
    const fields = new Map<string, string>();
    for (let index = 0; index < found.length; index += 2) fields.set(String(found[index]), String(found[index + 1]));
    const present = fields.get("#epoch") ?? "";
    const now = Date.now();
    const cookies = [...fields].filter(([name]) => !name.startsWith("#")).flatMap(([, value]) => cookieOf(value) ?? [])
      .filter(({ ends }) => ends > now).map(({ cookie }) => cookie);
    const isAnew = version !== null && epoch !== present;
    return { version: `${present} ${fields.get("#version") ?? ""}`, cookies, isAnew };
  }

  /** Keeps changes of a site's cookies, all of them or none. */
  async write(site: string, changes: readonly CookieChange[]): Promise<void> {
    const now = Date.now();
    let lives = SESSION;
    const fields: string[] = [];
    for (const { newCookie, oldCookie } of changes) {
      const cookie = (newCookie ?? oldCookie)!;
      if (newCookie !== null) lives = Math.max(lives, (newCookie.expires?.getTime() ?? now) - now);
      fields.push(fieldOf(cookie), newCookie === null ? "" : valueOf(newCookie, now));
    }
    const epoch = builtin.crypto.randomBytes(9).toString("base64url");
    await this.#link.run(WRITE, [this.#key(site)], epoch, String(Math.ceil(lives)), String(MOST + 2), ...fields);
  }

  /** Removes the cookies of every site. */
  async clear(): Promise<void> {
    await this.#link.forEachKey(this.#start(), async (keys) => {
      for (const key of keys) await this.#link.run(CLEAR, [key]);
    });
  }

  /** Ends the connection, unless it is the program's own; another is made when it is needed. */
  async close(): Promise<void> {
    await this.#link.close();
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Same as `close`, without waiting for it. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }

  /** What all keys of the jar begin with, and none of another jar. */
  #start(): string {
    return `${this.prefix}cookies:${this.jar.replace(/[%:]/g, encodeURIComponent)}:`;
  }

  #key(site: string): string {
    return this.#start() + site;
  }
}

/** A cookie's name among those of its site: no longer than its domain, path and name, and as short as they may be. */
function fieldOf({ domain, name, path }: Cookie): string {
  return keyDigest(`${domain};${path};${name}`);
}

function valueOf({ creation, expires, lastAccess, ...rest }: Cookie, now: number): string {
  const times = { creation: creation.getTime(), lastAccess: lastAccess.getTime(), expires: expires?.getTime() ?? null };
  return `${expires?.getTime() ?? now + SESSION} ${JSON.stringify({ ...rest, ...times })}`;
}

/** What stands on the server: times are numbers there. */
type KeptCookie = Omit<Cookie, "creation" | "expires" | "lastAccess"> & {
  readonly creation: number;
  readonly expires: number | null;
  readonly lastAccess: number;
};

/** A cookie, or null for what is no object: others can write to the server, too, and the jar looks at the rest. */
function cookieOf(value: string): { readonly cookie: Cookie; readonly ends: number } | null {
  const space = value.indexOf(" ");
  const kept = keptCookie(value.slice(space + 1));
  if (kept === null) return null;
  const { creation, expires, lastAccess, ...rest } = kept;
  const times = { creation: new Date(creation), lastAccess: new Date(lastAccess) };
  return {
    cookie: { ...rest, ...times, expires: expires === null ? null : new Date(expires) },
    ends: Number(value.slice(0, space)),
  };
}

function keptCookie(json: string): KeptCookie | null {
  try {
    const kept = JSON.parse(json) as KeptCookie | null;
    return typeof kept === "object" ? kept : null;
  } catch {
    return null; // No jar has written it.
  }
}
