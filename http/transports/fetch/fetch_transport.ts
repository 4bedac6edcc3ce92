/**
 * A plain fetch function: Node's, another runtime's, or one of the caller's with its own dispatcher behind it.
 *
 * @module
 */
import { checkOptions } from "../../../internal/expected.ts";
import { NotSupportedError } from "../../errors.ts";
import { capabilitiesWith, type TransportCapabilities } from "../capabilities.ts";
import type { ConnectionTarget, Transport, TransportConnection } from "../transport.ts";
import { FetchConnection, nativeFetch } from "./fetch_connection.ts";
import { isBunMethod, isStandardMethod } from "../methods.ts";
import { runtimeName } from "../../../internal/runtime.ts";

/** Options of {@linkcode FetchTransport}. */
export interface FetchTransportOptions {
  /** The function to send with. Left out, it is the runtime's fetch as it was when the library was imported. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Fields added to every `RequestInit`, for example `{ dispatcher }` on Node. @default {{}} */
  readonly init?: Record<string, unknown> | undefined;
  /** Called when the session closes a slot, for example to close a dispatcher's sockets. */
  readonly close?: (() => void) | undefined;
  /** Capabilities the function has beyond those assumed. @default {{}} */
  readonly capabilities?: Partial<TransportCapabilities> | undefined;
}

/**
 * Sends through a fetch function. Connections belong to that function, so a slot here limits requests, not sockets.
 *
 * @example Count what is sent
 * ```ts
 * import { FetchTransport, HttpSession } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * let sent = 0;
 * const transport = new FetchTransport({ fetch: () => (sent++, Promise.resolve(new Response("hello"))) });
 * await using session = new HttpSession({ transport });
 * assertEquals(await (await session.fetch("http://example.com/")).text(), "hello");
 * assertEquals(sent, 1);
 * ```
 */
export class FetchTransport implements Transport {
  /** What is assumed of the function, and what the options add. */
  readonly capabilities: TransportCapabilities;
  readonly #options: FetchTransportOptions;

  /** Makes a transport of a fetch function. */
  constructor(options: FetchTransportOptions = {}) {
    checkOptions("make a FetchTransport", options, ["fetch", "close"]);
    this.#options = options;
    this.capabilities = { ...assumed(), ...options.capabilities };
  }

  /**
   * Makes a slot.
   *
   * @throws {NotSupportedError} For a proxy: a fetch function takes none.
   */
  createConnection(target: ConnectionTarget): TransportConnection {
    const { fetch: send = nativeFetch, init: extra = {}, close } = this.#options;
    if (target.proxy !== null && !this.capabilities.httpProxy) {
      throw new NotSupportedError("use a proxy", this.capabilities.runtime, "a plain fetch function takes none");
    }
    const { contentAsReceived, runtime, uploadLength } = this.capabilities;
    return new FetchConnection(target, {
      // `decompress: false` is Bun's way to leave bodies alone; others do not know it.
      fetch: (url, init): Promise<Response> => send(url, { ...init, decompress: false, ...extra } as RequestInit),
      ...(contentAsReceived ? {} : { decodes: runtime === "deno" ? "deno" : "node" }),
      sendsLength: uploadLength === true,
      close: () => close?.(),
    });
  }
}

function assumed(): TransportCapabilities {
  const runtime = runtimeName();
  return capabilitiesWith({
    name: "fetch",
    contentAsReceived: runtime === "bun",
    uploadLength: runtime !== "deno",
    supportsMethod: runtime === "bun" ? isBunMethod : isStandardMethod,
  });
}
