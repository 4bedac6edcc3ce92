/**
 * The opening handshake of a WebSocket (RFC 6455 §4, RFC 8441 §5): its fields, and what a server may agree to.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { isRedirectStatus } from "../attempt/redirects.ts";
import { type HttpErrorCode, TransportError } from "../errors.ts";
import { failureOf, HttpError } from "../message/http_error.ts";
import { HttpMessage, messageState } from "../message/message.ts";
import type { ProtocolUpgrade } from "../message/message_state.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";
import { bareAddress, bareUrl } from "../protocol/uri.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { heed } from "../queue/queue_item.ts";
import type { TransportResponse, UpgradedStream } from "../transports/transport.ts";
import { newDeflate } from "./checked_deflate.ts";
import { FrameStream } from "./frame_stream.ts";
import { type Extensions, type Framing, loadFraming } from "./framing.ts";
import { type HttpWebSocket, makeWebSocket } from "./websocket.ts";

/** What RFC 6455 §1.3 has a server add to the key. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION = "13";
const DEFLATE = "permessage-deflate";
const BAD_HANDSHAKE: HttpErrorCode = "ERR_WEBSOCKET_HANDSHAKE";
const REFUSED: HttpErrorCode = "ERR_WEBSOCKET_REFUSED";

/** What is asked for, checked. */
export interface HandshakeRequest {
  /** http: or https:. */
  readonly uri: URL;
  /** The caller's fields. */
  readonly headers: Headers;
  readonly protocols: readonly string[];
  readonly maxMessageBytes: number;
  /** Seconds. */
  readonly keepaliveInterval: number;
  readonly signal: AbortSignal | null;
}

/** Opens a WebSocket by a message of the session's queue. */
export async function shakeHands(core: HttpSessionCore, request: HandshakeRequest): Promise<HttpWebSocket> {
  const { uri, headers, protocols, maxMessageBytes, keepaliveInterval, signal } = request;
  const framing = await loadFraming();
  signal?.throwIfAborted();
  const handshake = new Handshake(framing, protocols, maxMessageBytes);
  const msg = new HttpMessage("GET", uri, { headers });
  await send(core, msg, handshake, signal);
  const { extensions, extensionsField, stream, subprotocol } = handshake;
  const options = { extensions, maxMessageBytes, keepaliveInterval };
  return makeWebSocket({
    msg,
    url: socketUrl(bareUrl(msg.uri)),
    protocol: subprotocol,
    extensions: extensionsField,
    framesFor: (listener) => new FrameStream(stream!, framing, options, listener),
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

function socketUrl(url: string): string {
  return url.replace(/^http/, "ws");
}

/** One handshake, and what has come of it. */
class Handshake implements ProtocolUpgrade {
  readonly protocol = "websocket";
  stream: UpgradedStream | null = null;
  /** The subprotocol the server has chosen; empty for none. */
  subprotocol = "";
  /** The extensions the server has agreed to, as it says so. */
  extensionsField = "";
  /** The same, ready for use. */
  extensions: Extensions = {};
  readonly #framing: Framing;
  readonly #protocols: readonly string[];
  readonly #maxMessageBytes: number;
  #key = "";

  constructor(framing: Framing, protocols: readonly string[], maxMessageBytes: number) {
    this.#framing = framing;
    this.#protocols = protocols;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Writes the fields of an attempt: each connection gets a key of its own. */
  writeFields(headers: Headers): void {
    this.#key = builtin.crypto.randomBytes(16).toString("base64");
    headers.set("sec-websocket-version", VERSION);
    headers.set("sec-websocket-key", this.#key);
    headers.set(
      "sec-websocket-extensions",
      this.#framing.extension.format({ [DEFLATE]: newDeflate(this.#framing, this.#maxMessageBytes).offer() }),
    );
    if (this.#protocols.length > 0) headers.set("sec-websocket-protocol", this.#protocols.join(", "));
  }

  check({ headers, status }: TransportResponse): void {
    if (status === HttpStatus.SWITCHING_PROTOCOLS) this.#checkSwitch(headers);
    this.#takeSubprotocol(headers.get("sec-websocket-protocol"));
    this.#takeExtensions(headers.get("sec-websocket-extensions"));
  }

  /** Without the answer to the key what has come may be of a server, or a cache, that knows nothing of WebSockets. */
  #checkSwitch(headers: Headers): void {
    if (headers.get("upgrade")?.toLowerCase() !== this.protocol) throw broken("it switches to another protocol");
    if (!/(^|,)[ \t]*upgrade[ \t]*(,|$)/i.test(headers.get("connection") ?? "")) {
      throw broken("its Connection field has no upgrade");
    }
    const accept = builtin.crypto.createHash("sha1").update(this.#key + GUID).digest("base64");
    if (headers.get("sec-websocket-accept") !== accept) throw broken("its Sec-WebSocket-Accept is not that of the key");
  }

  #takeSubprotocol(chosen: string | null): void {
    if (chosen === null && this.#protocols.length === 0) return;
    if (chosen === null) throw broken(`it has chosen none of the protocols ${this.#protocols.join(", ")}`);
    if (!this.#protocols.includes(chosen)) throw broken("it has chosen a protocol that was not offered");
    this.subprotocol = chosen;
  }

  #takeExtensions(field: string | null): void {
    if (field === null) return;
    try {
      const { [DEFLATE]: parameters = [], ...others } = this.#framing.extension.parse(field);
      if (parameters.length !== 1 || Object.keys(others).length > 0) throw new Error("it was not offered");
      const deflate = newDeflate(this.#framing, this.#maxMessageBytes);
      deflate.accept(parameters);
      this.extensions = { [DEFLATE]: deflate };
    } catch (error) {
      throw broken("it has agreed to an extension that was not offered, or not so", error);
    }
    this.extensionsField = field;
  }
}

function broken(why: string, cause?: unknown): TransportError {
  return new TransportError(HttpStatus.MALFORMED, "response", `Cannot take what the server has answered: ${why}`, {
    code: BAD_HANDSHAKE,
    ...(cause === undefined ? {} : { cause }),
  });
}
