/**
 * `session.websocket`: the handshake is a message of the queue like any other.
 *
 * @module
 */
import { checkOptions, checkSignal, unexpected } from "../../internal/expected.ts";
import { leaveSignal } from "../../internal/signals.ts";
import type { HeadersInput } from "../../internal/platform_types.ts";
import { seconds, wholeNumber } from "../../internal/time_limits.ts";
import { callersHeaders } from "../protocol/headers.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";
import { bareAddress, bareUrl, parseUri } from "../protocol/uri.ts";
import type { HttpErrorCode } from "../errors.ts";
import { failureOf } from "../message/failure.ts";
import { HttpError } from "../message/http_error.ts";
import { HttpMessage, messageState } from "../message/message.ts";
import { heed } from "../queue/queue_item.ts";
import { isRedirectStatus } from "../attempt/redirect_rules.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { loadFraming } from "./framing.ts";
import { checkOwnField, Handshake } from "./handshake.ts";
import { type HttpWebSocket, makeWebSocket } from "./websocket.ts";

const REFUSED: HttpErrorCode = "ERR_WEBSOCKET_REFUSED";
/** The library counts in 32 bits. */
const LARGEST_MESSAGE = 2 ** 31 - 1;
const PROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

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
  const framing = await loadFraming();
  signal?.throwIfAborted();
  const handshake = new Handshake(framing, protocols, maxMessageBytes);
  const msg = new HttpMessage("GET", uri, { headers });
  await send(core, msg, handshake, signal);
  const { extensions, extensionsField, subprotocol } = handshake;
  return makeWebSocket({
    msg,
    url: socketUrl(bareUrl(msg.uri)),
    protocol: subprotocol,
    extensions: extensionsField,
    stream: handshake.stream!,
    framing,
    options: { extensions, maxMessageBytes, keepaliveInterval },
  });
}

/** Sends the handshake; resolves when the server has agreed, and only then leaves its stream. */
function send(
  core: HttpSessionCore,
  msg: HttpMessage,
  handshake: Handshake,
  signal: AbortSignal | null,
): Promise<void> {
  const state = messageState(msg);
  const writeFields = () => handshake.writeFields(msg.requestHeaders);
  state.upgrade = handshake;
  writeFields();
  msg.addEventListener("restarted", writeFields);
  return new Promise((resolve, reject) => {
    const aborted = (): void => core.cancel(item, HttpStatus.CANCELLED, { error: signal!.reason });
    const item = core.queue(msg, null, null, () => {
      if (signal !== null) leaveSignal(signal, aborted);
      msg.removeEventListener("restarted", writeFields);
      if (handshake.stream === null || msg.statusCode < 100) {
        state.dropUpgraded();
        reject(failureFor(msg, signal));
      } else resolve();
      // Sent again it is a request like any other.
      state.upgrade = null;
    });
    if (signal !== null) heed(signal, item, aborted, reject);
  });
}

function failureFor(msg: HttpMessage, signal: AbortSignal | null): unknown {
  const { error, thrown } = messageState(msg);
  if (signal?.aborted && thrown === signal.reason) return thrown;
  const undone = `Cannot open a WebSocket to ${socketUrl(bareAddress(msg.uri))}`;
  if (msg.statusCode < 100 || error !== null) return failureOf(msg, error, undone);
  const answer = `${msg.statusCode} ${msg.reasonPhrase || reasonPhrase(msg.statusCode)}`;
  const isLeft = isRedirectStatus(msg.statusCode) ? ", and where that leads is not followed" : "";
  return new HttpError(msg, msg.statusCode, `${undone}: the server answered ${answer}${isLeft}`, { code: REFUSED });
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

function socketUrl(url: string): string {
  return url.replace(/^http/, "ws");
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
