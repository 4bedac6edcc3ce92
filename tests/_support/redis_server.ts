// A private Redis or Valkey server: in memory alone, on a socket in a folder of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import process from "node:process";
import { join } from "node:path";
import { RedisLink } from "../../http/stores/redis_link.ts";
import { untilListening } from "./server_programs.ts";
import { temporaryFolder } from "./temporary_folder.ts";

const names = ["redis-server", "valkey-server"];
const places = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

/** The server's program, or null. */
export const redisPath: string | null =
  places.flatMap((place) => names.map((name) => join(place, name))).find((path) => existsSync(path)) ?? null;

/** Why tests that need a server are skipped; false where they are not. */
export const noRedis: string | false = process.platform === "win32"
  ? "Redis does not run on Windows"
  : redisPath === null && "there is no redis-server";

/** A server that can be stopped and started again in the same place. */
export class RedisServer implements AsyncDisposable {
  readonly #socket = join(temporaryFolder("redis"), "redis.sock");
  readonly #settings: readonly string[];
  #child: ChildProcess | null = null;

  private constructor(settings: readonly string[]) {
    this.#settings = settings;
  }

  /** Starts a server; settings as on its command line. */
  static async start(...settings: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(settings);
    await server.start();
    return server;
  }

  /** Where it is, for stores. */
  get url(): string {
    return `unix://${this.#socket}`;
  }

  /** Starts it, with nothing in it. */
  async start(): Promise<void> {
    const settings = ["--port", "0", "--unixsocket", this.#socket, "--save", "", "--appendonly", "no"];
    const child = this.#child = spawn(redisPath!, [...settings, ...this.#settings], { stdio: "ignore" });
    await untilListening(this.#socket, child);
  }

  /** Kills it, with all that it has. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const end = once(child, "exit");
    child.kill("SIGKILL");
    await end;
  }

  /** Makes it stand still, or go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.#child!.pid!, signal);
  }

  /** What it says to one command, with texts for bytes. */
  async command(...args: string[]): Promise<unknown> {
    const link = new RedisLink("ask in a test", { url: this.url });
    try {
      return texts(await link.command(...args));
    } finally {
      await link.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function texts(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(texts);
  return reply instanceof Uint8Array ? new TextDecoder().decode(reply) : reply;
}
