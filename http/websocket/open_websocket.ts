/**
 * `session.websocket`: the handshake is a message of the queue like any other.
 *
 * @module
 */
import { checkOptions, checkSignal, seconds, unexpected, wholeNumber } from "../../internal/expected.ts";
import type { HeadersInput } from "../../internal/platform_types.ts";
import { callersHeaders } from "../protocol/headers.ts";
import { bareAddress, parseUri } from "../protocol/uri.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import type { HttpWebSocket } from "./websocket.ts";

/** The library counts in 32 bits. */
const LARGEST_MESSAGE = 2 ** 31 - 1;
const PROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The fields that a handshake is made of: no caller writes them. */
const own: readonly string[] = ["connection", "upgrade", "content-length", "transfer-encoding"];

/**
 * Checks that a caller's field leaves the handshake alone.
 *
 * @throws {TypeError} If it does not.
 */
function checkOwnField(name: string): void {
  if (!own.includes(name) && !name.startsWith("sec-websocket-")) return;
  throw new TypeError(`Cannot open a WebSocket with the header ${name}: the handshake writes it`);
}

/** Options of `session.websocket`. */
export interface HttpWebSocketOptions {
  /** Subprotocols, the preferred one first; the server has to choose one of them. @default {[]} */
  readonly protocols?: string | readonly string[] | undefined;
  /** Header fields of the handshake, for example `origin`; those of the handshake itself are refused. */
  readonly headers?: HeadersInput | undefined;
  /** Cancels the opening, which then rejects with `signal.reason`. Once the socket is open it changes nothing. */
  readonly signal?: AbortSignal | null | undefined;
  /** Largest message in bytes that is taken; a larger one ends the socket (1009). @default {67108864} */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Seconds between pings that keep the connection open; a server that has said nothing since the last one is given up. 0,
   * null and Infinity send none (`SoupWebsocketConnection:keepalive-interval`). @default {0}
   */
  readonly keepaliveInterval?: number | null | undefined;
}

/** Opens a WebSocket through the queue of a session. */
export async function openWebSocket(
  core: HttpSessionCore,
  address: string | URL,
  options: HttpWebSocketOptions,
): Promise<HttpWebSocket> {
  const { signal = null } = checkOptions("open a WebSocket", options);
  checkSignal("open a WebSocket", signal);
  const uri = httpUriOf(address);
  const headers = callersHeaders(options.headers ?? []);
  for (const name of headers.keys()) checkOwnField(name);
  const protocols = protocolsOf(options.protocols ?? []);
  const maxMessageBytes = wholeNumber(
    "maxMessageBytes",
    options.maxMessageBytes ?? 64 * 1024 * 1024,
    1,
    LARGEST_MESSAGE,
  );
  const keepaliveInterval = seconds("keepaliveInterval", options.keepaliveInterval ?? 0);
  signal?.throwIfAborted();
  const { shakeHands } = await import("./handshake.ts");
  return await shakeHands(core, { uri, headers, protocols, maxMessageBytes, keepaliveInterval, signal });
}

/** The http: or https: URI of a WebSocket's (RFC 6455 §3): what is encrypted as wss: is so as https:. */
function httpUriOf(address: string | URL): URL {
  const uri = parseUri(address);
  if (uri.hash !== "" || uri.href.endsWith("#")) {
    throw new TypeError(`Cannot open a WebSocket to ${bareAddress(uri)}: its URL has a fragment`);
  }
  const { protocol } = uri;
  if (protocol === "ws:" || protocol === "wss:") uri.protocol = protocol.replace("ws", "http");
  else if (protocol !== "http:" && protocol !== "https:") {
    throw new TypeError(`Cannot open a WebSocket: the scheme ${protocol} is neither ws nor wss`);
  }
  return uri;
}

function protocolsOf(protocols: string | readonly string[]): readonly string[] {
  const names = typeof protocols === "string" ? [protocols] : protocols;
  if (!Array.isArray(names)) throw unexpected("open a WebSocket", "a list of protocols", protocols);
  for (const [index, name] of names.entries()) {
    if (typeof name !== "string" || !PROTOCOL.test(name)) {
      throw new TypeError(`Cannot open a WebSocket with the protocol ${JSON.stringify(name)}: it is no token`);
    }
    if (names.indexOf(name) !== index) {
      throw new TypeError(`Cannot open a WebSocket with the protocol ${name} twice`);
    }
  }
  return [...names];
}
