/** HSTS policies of many processes and machines on a Redis server. */
import { reportUncaught } from "../../internal/report_error.ts";
import type { Buffer } from "node:buffer";
import { type WhenUnreachable, whenUnreachable } from "../contract/shared_store.ts";
import type { HstsPolicy, SharedHstsStore } from "../features/hsts/policies.ts";
import { RedisLink, type RedisStoreOptions } from "./redis_link.ts";

/** Options of a `HstsRedisStore`. */
export interface HstsRedisStoreOptions extends RedisStoreOptions {
  /** What becomes of a message while the server cannot be reached: the policies known here count, or it ends with TRY_AGAIN. @default {"open"} */
  readonly whenUnreachable?: WhenUnreachable | undefined;
}

/** How long it is known that a policy was removed, in milliseconds: 30 days. */
const REMOVED = 30 * 86_400_000;
/** A policy on the server: whom it covers, and when it ends in milliseconds since 1970. */
const POLICY = /^(host|subdomains) (\d{1,16})$/;
/** The last moment that a Date knows. */
const LAST_MOMENT = 8.64e15;

/**
 * Keeps the HSTS policies of all processes and machines that use the same prefix on a Redis or Valkey server. A host that
 * one of them has been told to contact over TLS only is contacted so by the next message of another. Each host is a key
 * that expires with its policy; messages over TLS ask nothing.
 *
 * @example One list for all workers
 * ```ts
 * import { HstsEnforcer, HstsRedisStore, HttpSession } from "@gp11/gp11/http";
 *
 * const store = new HstsRedisStore({ url: "redis://127.0.0.1:6379", whenUnreachable: "closed" });
 * await using enforcer = new HstsEnforcer({ store });
 * await using session = new HttpSession({ features: [enforcer] });
 * ```
 */
export class HstsRedisStore implements SharedHstsStore {
  /** Every method answers later. */
  readonly synchronous = false;
  /** What becomes of a message while the server cannot be reached. */
  readonly whenUnreachable: WhenUnreachable;
  readonly #link: RedisLink;

  /**
   * Names the server; it is connected to when it is needed.
   *
   * @throws {TypeError} Unless either a URL of a server or a client is given.
   */
  constructor(options: HstsRedisStoreOptions) {
    const action = "keep HSTS policies in Redis";
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

  /** The policies of these hosts; one that was removed is one that has ended. */
  async find(hosts: readonly string[]): Promise<HstsPolicy[]> {
    const values = await this.#link.command("MGET", ...hosts.map((host) => this.#key(host))) as (Buffer | null)[];
    return values.flatMap((value, index) => {
      const [, scope, ends] = POLICY.exec(String(value)) ?? [];
      // Others can write to the server, too.
      if (scope === undefined || Number(ends) > LAST_MOMENT) return [];
      return { host: hosts[index]!, includeSubDomains: scope === "subdomains", expires: new Date(Number(ends)) };
    });
  }

  /** Keeps policies; one that has ended is removed. */
  async put(policies: readonly HstsPolicy[]): Promise<void> {
    const now = Date.now();
    for (const { expires, host, includeSubDomains } of policies) {
      const ends = Math.max(expires?.getTime() ?? 0, 0);
      const lives = String(ends > now ? ends - now : REMOVED);
      await this.#link.command(
        "SET",
        this.#key(host),
        `${includeSubDomains ? "subdomains" : "host"} ${ends}`,
        "PX",
        lives,
      );
    }
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

  #key(host: string): string {
    return `${this.prefix}hsts:${host}`;
  }
}
