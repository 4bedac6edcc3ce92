/** Requests of many processes and machines, counted together on a Redis server. */
import { reportUncaught } from "../../internal/report_error.ts";
import type { RateLimitStore, TokenRate } from "../features/rate_limit.ts";
import { type WhenUnreachable, whenUnreachable } from "../contract/shared_store.ts";
import { keyDigest, RedisLink, RedisScript, type RedisStoreOptions } from "./redis_link.ts";

/** Options of a `RateLimitRedisStore`. */
export interface RateLimitRedisStoreOptions extends RedisStoreOptions {
  /** What becomes of a message while the server cannot be reached: it is sent without a limit, or ends with TRY_AGAIN. @default {"open"} */
  readonly whenUnreachable?: WhenUnreachable | undefined;
}

/** The server's time in milliseconds, and what is kept: tokens at a time, and until when nothing is sent. */
const COMMON = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'time', 'held')
-- What somebody else has written is as good as nothing.
local function finite(value)
  local found = tonumber(value or '')
  if found and math.abs(found) < 1e15 then return found end
end
local tokens, time, held = finite(kept[1]), finite(kept[2]), finite(kept[3]) or 0
local function number(value) return string.format('%.6f', value) end
`;

/** Takes a token. Arguments: tokens in a millisecond (0 for no limit), burst. Gives the milliseconds to wait. */
const TAKE = new RedisScript(`${COMMON}
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local pause = math.max(0, held - now)
if rate == 0 then return number(pause) end
tokens = tokens and time and math.min(burst, tokens + math.max(0, now - time) * rate) or burst
tokens = tokens - 1
redis.call('HSET', KEYS[1], 'tokens', number(tokens), 'time', number(now))
-- A bucket that is full again needs no record.
redis.call('PEXPIRE', KEYS[1], math.ceil(math.min(math.max((burst - tokens) / rate, pause), 1e12)) + 1000)
return number(math.max(pause, -tokens / rate))`);

/** Gives a token back. Arguments as of taking one. */
const GIVE_BACK = new RedisScript(`${COMMON}
if not tokens then return 0 end
redis.call('HSET', KEYS[1], 'tokens', number(math.min(tonumber(ARGV[2]), tokens + 1)))
return 1`);

/** Lets nothing be sent for a time. Argument: milliseconds. */
const HOLD = new RedisScript(`${COMMON}
local pause = tonumber(ARGV[1])
if held < now + pause then redis.call('HSET', KEYS[1], 'held', number(now + pause)) end
if redis.call('PTTL', KEYS[1]) < pause then redis.call('PEXPIRE', KEYS[1], math.ceil(pause) + 1000) end
return 1`);

/** How long nothing is sent, in milliseconds. */
const HELD = new RedisScript(`${COMMON}
return number(math.max(0, held - now))`);

/**
 * Counts the requests of all processes and machines that use the same prefix on a Redis or Valkey server: together they
 * keep to the rate of a `RateLimit`, within one burst, and a server that wants to be left alone is left alone by all.
 * Each decision is one step there, by that server's clock; every key expires.
 *
 * @example Ten requests a second, by all workers together
 * ```ts
 * import { HttpSession, RateLimit, RateLimitRedisStore } from "@gp11/gp11/http";
 *
 * const store = new RateLimitRedisStore({ url: "redis://127.0.0.1:6379", whenUnreachable: "closed" });
 * await using limit = new RateLimit({ requests: 10, interval: 1000, burst: 5, store });
 * await using session = new HttpSession({ features: [limit] });
 * ```
 */
export class RateLimitRedisStore implements RateLimitStore {
  /** What becomes of a message while the server cannot be reached. */
  readonly whenUnreachable: WhenUnreachable;
  readonly #link: RedisLink;

  /**
   * Names the server; it is connected to when it is needed.
   *
   * @throws {TypeError} Unless either a URL of a server or a client is given.
   */
  constructor(options: RateLimitRedisStoreOptions) {
    const action = "keep a rate limit in Redis";
    this.#link = new RedisLink(action, options);
    this.whenUnreachable = whenUnreachable(action, options.whenUnreachable);
  }

  /** The server, without credentials; empty for a client of the program's own. */
  get address(): string {
    return this.#link.address;
  }

  /** What every key begins with. */
  get prefix(): string {
    return this.#link.prefix;
  }

  /** Takes a token: the milliseconds until the request may be sent. */
  async take(key: string, rate: TokenRate): Promise<number> {
    return await this.#run(TAKE, key, ...numbersOf(rate));
  }

  /** Gives a token back that was not used. */
  async giveBack(key: string, rate: TokenRate): Promise<void> {
    await this.#run(GIVE_BACK, key, ...numbersOf(rate));
  }

  /** Lets nothing be sent for so many milliseconds. */
  async hold(key: string, milliseconds: number): Promise<void> {
    await this.#run(HOLD, key, String(milliseconds));
  }

  /** For how many milliseconds nothing may be sent. */
  async held(key: string): Promise<number> {
    return await this.#run(HELD, key);
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

  /** Runs a script on the bucket of a key; the key's name may be one that nobody is to read. */
  async #run(script: RedisScript, key: string, ...args: string[]): Promise<number> {
    const name = `${this.#link.prefix}limit:${keyDigest(key)}`;
    return Number(String(await this.#link.run(script, [name], ...args)));
  }
}

function numbersOf({ burst, perMillisecond }: TokenRate): [string, string] {
  return perMillisecond === Infinity
    ? ["0", "0"]
    : [String(perMillisecond), String(Math.min(burst, Number.MAX_SAFE_INTEGER))];
}
