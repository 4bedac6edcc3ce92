/** One connection to a Redis server, by npm's client: it can be given up at any moment, and leaves nothing behind. */
import { missingPackage } from "../../internal/builtin_modules.ts";
import type { RedisClient } from "./redis_link.ts";

/** What is used of npm's `@redis/client`. */
interface OwnClient extends RedisClient {
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: string, listener: (error: unknown) => void): unknown;
  unref(): void;
}

interface ClientLibrary {
  createClient(options: object): OwnClient;
}

/** A connection that is made, is there or is over. */
export class RedisConnection {
  /** The client, once the server has let it in. */
  readonly client: Promise<OwnClient>;
  readonly #onLost: () => void;
  #made: OwnClient | null = null;
  /** There is a socket that can be closed: the client takes no leave before. */
  #hasSocket = false;
  #isClosed = false;

  /** Begins to connect; `onLost` is called when the connection has failed. */
  constructor(url: string, connectTimeout: number, onLost: () => void) {
    this.#onLost = onLost;
    this.client = this.#connect(url, connectTimeout);
  }

  /** Ends it, also where the server has taken the connection and says nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#hasSocket) this.#made!.destroy();
  }

  async #connect(url: string, connectTimeout: number): Promise<OwnClient> {
    const { createClient } = await loadClient();
    const client = this.#made = createClient({
      url,
      RESP: 2,
      disableOfflineQueue: true,
      disableClientInfo: true,
      // A connection that was lost is made anew by the next command: nothing runs on for its sake, or keeps a program alive.
      socket: { reconnectStrategy: false, connectTimeout },
    });
    client.on("connect", () => {
      this.#hasSocket = true;
      if (this.#isClosed) client.destroy();
    });
    client.on("error", () => {
      this.close(); // What says something else than Redis would is left open by the client.
      this.#onLost();
    });
    client.unref();
    if (this.#isClosed) throw new Error("it was given up");
    await client.connect();
    return client;
  }
}

let loading: Promise<ClientLibrary> | null = null;

/**
 * Loads npm's client.
 *
 * @throws {Error} If it is not installed.
 */
export async function loadClient(): Promise<ClientLibrary> {
  try {
    return await (loading ??= import("@redis/client") as unknown as Promise<ClientLibrary>);
  } catch (cause) {
    throw missingPackage("@redis/client", cause);
  }
}
