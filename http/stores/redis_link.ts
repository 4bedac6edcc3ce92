/** The way to a Redis server: made when it is needed, never waited for long, made anew when it was lost. */
import { Buffer } from "node:buffer";
import { builtin } from "../../internal/builtin_modules.ts";
import { checkMethods, checkOptions, unexpected } from "../../internal/expected.ts";
import { Patience } from "../../internal/patience.ts";
import { loadClient, RedisConnection } from "./redis_connection.ts";

/** What a command is made of. */
export type RedisArgument = string | Uint8Array;

/**
 * What sends commands to a Redis or Valkey server: a connected client of npm's `redis` or `@redis/client`, from version 5
 * on, or an object in front of another library's. Bulk strings of a reply are bytes.
 *
 * @example Another library's client
 * ```ts
 * import type { Buffer } from "node:buffer";
 * import type { RedisClient } from "@gp11/gp11/http";
 *
 * declare const ioredis: { callBuffer(command: string, ...args: (string | Buffer)[]): Promise<unknown> };
 * const client: RedisClient = {
 *   // What is no text comes as a Buffer.
 *   sendCommand: ([command, ...args]) => ioredis.callBuffer(String(command), ...args as Buffer[]),
 * };
 * ```
 */
export interface RedisClient {
  /** Sends one command and gives its reply; rejects with an error whose message is the server's where that refuses. */
  sendCommand(args: readonly RedisArgument[], options?: RedisCommandOptions): Promise<unknown>;
}

/** How a command is sent, in the words of npm's `redis`. */
export interface RedisCommandOptions {
  /** Which class the values of a type in the protocol come in. */
  readonly typeMapping: Readonly<Record<number, unknown>>;
  /** Takes back a command that is not sent yet. */
  readonly abortSignal: AbortSignal;
}

/** Options of every store over Redis: where it is, by `url` or `client`, and what its keys begin with. */
export interface RedisStoreOptions {
  /**
   * The server: `redis://user:password@host:port/database`, the same with `rediss:` for TLS, or
   * `unix://user:password@/path/of/socket?db=database`; a path alone will do. What is special in a URL is percent-encoded.
   * npm's `@redis/client` is loaded when it is needed.
   */
  readonly url?: string | undefined;
  /** A client of the program's own, in the place of `url`; it is not closed with the store. */
  readonly client?: RedisClient | undefined;
  /** What every key begins with. @default {"gp11:"} */
  readonly prefix?: string | undefined;
}

/** A script that the server runs as one step; it is sent whole only once. */
export class RedisScript {
  readonly source: string;
  #digest: string | null = null;

  constructor(source: string) {
    this.source = source;
  }

  /** The name that the server knows it by. */
  get digest(): string {
    return this.#digest ??= builtin.crypto.createHash("sha1").update(this.source).digest("hex");
  }
}

/** Milliseconds after which a connection, or a reply, is not waited for any longer. */
const ANSWER = 2000;
/** Milliseconds for which nobody tries after a server could not be reached. */
const PAUSE = 1000;

/** Bulk strings, by the byte that announces them, come as bytes. */
const BYTES = { 36: Buffer } as const;

/** One way to a server, of one store. */
export class RedisLink {
  /** What every key begins with. */
  readonly prefix: string;
  /** The server, without credentials; empty for a client of the program's own. */
  readonly address: string;
  readonly #url: string;
  readonly #given: RedisClient | null;
  /** What is waited for. */
  readonly #running = new Set<Promise<unknown>>();
  #own: RedisConnection | null = null;
  /** Why the server could not be reached the last time; null once it was. */
  #failure: Error | null = null;
  #retryAt = 0;
  #isProbing = false;

  constructor(action: string, options: RedisStoreOptions) {
    const { client, prefix = "gp11:", url } = checkOptions(action, options);
    if (typeof prefix !== "string") throw unexpected(action, "a string as prefix", prefix);
    if ((url === undefined) === (client === undefined)) {
      throw new TypeError(`Cannot ${action}: it needs either the url of a Redis server or a client, one of them`);
    }
    if (client !== undefined) checkClient(action, client);
    this.prefix = prefix;
    this.#given = client ?? null;
    this.#url = url ?? "";
    this.address = url === undefined ? "" : addressOf(action, url);
  }

  /** Runs a command; rejects in two seconds at the latest, and at once while the server is known to be away. */
  async command(...args: RedisArgument[]): Promise<unknown> {
    // Whether its code is there has nothing to do with the server.
    if (this.#given === null) await loadClient();
    const isProbe = this.#failure !== null;
    if (this.#failure !== null) {
      // One asks whether the server is back; nobody else waits for that.
      if (this.#isProbing || performance.now() < this.#retryAt) throw this.#failure;
      this.#isProbing = true;
    }
    const replying = this.#ask(args);
    this.#running.add(replying);
    try {
      const reply = await replying;
      this.#failure = null;
      return reply;
    } catch (error) {
      if (isRefusal(error)) {
        this.#failure = null;
        throw this.#refusal(error);
      }
      this.#failure = new Error(
        `Cannot reach the Redis server${this.address && ` at ${this.address}`}: ${said(error)}`,
      );
      this.#retryAt = performance.now() + PAUSE;
      this.#drop();
      throw this.#failure;
    } finally {
      this.#running.delete(replying);
      if (isProbe) this.#isProbing = false;
    }
  }

  /** Runs a script, all of it or nothing. */
  async run(script: RedisScript, keys: readonly string[], ...args: RedisArgument[]): Promise<unknown> {
    const given = [String(keys.length), ...keys, ...args];
    try {
      return await this.command("EVALSHA", script.digest, ...given);
    } catch (error) {
      if (!/refused: NOSCRIPT/.test(String((error as Error).message))) throw error;
      return await this.command("EVAL", script.source, ...given);
    }
  }

  /** Removes, or changes, every key that begins so; the function gets them by the hundred. */
  async forEachKey(start: string, visit: (keys: string[]) => Promise<unknown>): Promise<void> {
    const pattern = `${start.replace(/[\\*?[\]]/g, "\\$&")}*`;
    let cursor = "0";
    do {
      const [next, keys] = await this.command("SCAN", cursor, "MATCH", pattern, "COUNT", "500") as [Buffer, Buffer[]];
      cursor = String(next);
      if (keys.length > 0) await visit(keys.map(String));
    } while (cursor !== "0");
  }

  /** Waits for what was asked, then ends the connection; another is made when it is needed. */
  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    this.#drop();
  }

  /** Sends a command; rejects when its reply takes too long. */
  async #ask(args: RedisArgument[]): Promise<unknown> {
    const controller = new AbortController();
    const { promise, reject } = Promise.withResolvers<never>();
    const patience = new Patience(ANSWER, () => {
      reject(new Error(`it did not answer within ${ANSWER} ms`));
      controller.abort();
    });
    try {
      return await Promise.race([this.#send(args, controller.signal), promise]);
    } finally {
      patience.end();
    }
  }

  /** The server's error, without the arguments that it repeats of a command it does not know. */
  #refusal(error: Error): Error {
    const where = this.address && ` at ${this.address}`;
    return new Error(`The Redis server${where} refused: ${said(error).replace(/,? with args beginning with.*$/s, "")}`);
  }

  async #send(args: RedisArgument[], abortSignal: AbortSignal): Promise<unknown> {
    const client = this.#given ?? await this.#connected();
    const sent = args.map((arg) => typeof arg === "string" ? arg : bufferOf(arg));
    return await client.sendCommand(sent, { typeMapping: BYTES, abortSignal });
  }

  async #connected(): Promise<RedisClient> {
    const own = this.#own ??= new RedisConnection(this.#url, ANSWER, () => this.#forget(own));
    try {
      return await own.client;
    } catch (error) {
      this.#forget(own);
      // A server that takes no password is as good as none, and is left alone for as long.
      throw new Error(`there is no connection: ${said(error)}`);
    }
  }

  #forget(lost: RedisConnection): void {
    if (this.#own === lost) this.#own = null;
  }

  #drop(): void {
    this.#own?.close();
    this.#own = null;
  }
}

/** Refuses what cannot send a command, and a client of ioredis, whose `sendCommand` is something else. */
function checkClient(action: string, client: RedisClient): void {
  checkMethods(action, client, "a client", ["sendCommand"]);
  if (!("callBuffer" in client)) return;
  const adapter = "{ sendCommand: ([command, ...args]) => client.callBuffer(command, ...args) }";
  throw new TypeError(`Cannot ${action}: the client is one of ioredis; give ${adapter}`);
}

/** A name for any text in a key: short, and without what the text may hold of secrets. */
export function keyDigest(text: string): string {
  return builtin.crypto.createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

/** What a URL may be that says nothing of a protocol, and nothing secret. */
const EXAMPLE = "redis://user:password@127.0.0.1:6379/0, with what is special in a password percent-encoded";

/** The server in words, from a URL whose password nobody is shown. */
function addressOf(action: string, url: string): string {
  if (typeof url !== "string") throw unexpected(action, "a string as url", url);
  if (/%(?![\da-f]{2})/i.test(url)) {
    throw new TypeError(`Cannot ${action}: the url has a % that encodes nothing; write it like ${EXAMPLE}`);
  }
  if (/^unix:/i.test(url)) return socketAddressOf(action, url);
  if (!URL.canParse(url)) throw new TypeError(`Cannot ${action}: the url cannot be read; write it like ${EXAMPLE}`);
  const { host, pathname, protocol } = new URL(url);
  if ((protocol !== "redis:" && protocol !== "rediss:") || host === "") {
    throw new TypeError(`Cannot ${action}: expected a redis:, rediss: or unix: URL, got one of ${protocol}`);
  }
  if (!/^\/?\d*$/.test(pathname)) {
    throw new TypeError(`Cannot ${action}: the path of the url is no number of a database; write it like ${EXAMPLE}`);
  }
  return `${protocol}//${host}`;
}

/** The same of a unix socket; a URL with a user and no host is one to nobody but Redis. */
function socketAddressOf(action: string, url: string): string {
  const path = /^unix:\/\/(?:[^@/]*@)?(\/[^?#]+)(?:\?db=\d+)?$/.exec(url)?.[1];
  if (path !== undefined) return `unix://${path}`;
  throw new TypeError(`Cannot ${action}: the url cannot be read; write it like unix:///path/of/socket?db=0`);
}

/** Whether the server has answered, with an error: its messages begin with a code. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && /^[A-Z][A-Z0-9]+ /.test(error.message);
}

/** What a client says of a connection; several addresses of a host fail with one error each. */
function said(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return said(error.errors[0]);
  const words = (error instanceof Error && error.message !== "" ? error.message : String(error)).replace(/\.$/, "");
  return /^(?:NOAUTH|WRONGPASS)\b/.test(words) ? `${words}; give the user name and password that it wants` : words;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
