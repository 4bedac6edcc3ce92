/**
 * The WebSocket of a session.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { Buffer } from "node:buffer";
import { checkFunction, describeValue, unexpected } from "../../internal/expected.ts";
import { TypedEventTarget, type TypedListener } from "../../internal/events.ts";
import type { BytesInput } from "../../internal/platform_types.ts";
import { sizeOf } from "../message/body_source.ts";
import type { HttpMessage } from "../message/message.ts";
import { type HttpWebSocketEvents, WebSocketCloseEvent, WebSocketErrorEvent } from "./events.ts";
import type { FrameListener, FrameStream } from "./frame_stream.ts";

/** Bytes of a close frame's reason (RFC 6455 §5.5). */
const MAX_REASON = 123;

/** What a WebSocket is made of. Not part of the public surface. */
export interface WebSocketParts {
  readonly msg: HttpMessage;
  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  /** Makes what writes and reads its frames. */
  framesFor(listener: FrameListener): FrameStream;
}

/** Makes the WebSocket of a handshake. Not part of the public surface. */
export let makeWebSocket: (parts: WebSocketParts) => HttpWebSocket;

/** A listener that is set as a property: of `onmessage` and its siblings; null for none. */
export type HttpWebSocketHandler<K extends keyof HttpWebSocketEvents> =
  | ((this: HttpWebSocket, event: HttpWebSocketEvents[K]) => void)
  | null;

/**
 * An open WebSocket, as `session.websocket` makes it: the interface of the WebSocket standard, and the message of its
 * handshake. Messages are told of from the turn of the event loop after the one in which it was handed over.
 *
 * @example A conversation
 * ```ts
 * import { HttpSession } from "@gp11/gp11/http";
 *
 * async function ask(session: HttpSession, question: string): Promise<string> {
 *   await using socket = await session.websocket("wss://example.com/chat", { protocols: ["chat"] });
 *   socket.send(question);
 *   return await new Promise((resolve, reject) => {
 *     socket.onmessage = ({ data }) => resolve(String(data));
 *     socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
 *   });
 * }
 * ```
 */
export class HttpWebSocket extends TypedEventTarget<HttpWebSocketEvents> {
  static {
    makeWebSocket = (parts) => new HttpWebSocket(parts);
  }

  /** `readyState` before it is open; none that is handed out has it. */
  static readonly CONNECTING = 0;
  /** `readyState` while messages go both ways. */
  static readonly OPEN = 1;
  /** `readyState` once one of the two sides closes it. */
  static readonly CLOSING = 2;
  /** `readyState` once it is over. */
  static readonly CLOSED = 3;
  /** Same as `HttpWebSocket.CONNECTING`. */
  readonly CONNECTING = 0;
  /** Same as `HttpWebSocket.OPEN`. */
  readonly OPEN = 1;
  /** Same as `HttpWebSocket.CLOSING`. */
  readonly CLOSING = 2;
  /** Same as `HttpWebSocket.CLOSED`. */
  readonly CLOSED = 3;

  /** The message of the handshake, with the server's response. */
  readonly msg: HttpMessage;
  /** Where it leads, after redirects and HSTS: ws: or wss:, without user information. */
  readonly url: string;
  /** The subprotocol the server has chosen; empty for none. */
  readonly protocol: string;
  /** The extensions in use, as the server says; empty for none. */
  readonly extensions: string;
  readonly #frames: FrameStream;
  readonly #over = Promise.withResolvers<void>();
  readonly #handlers = new Map<keyof HttpWebSocketEvents, (event: never) => void>();
  #readyState: 0 | 1 | 2 | 3 = HttpWebSocket.OPEN;
  #binaryType: "blob" | "arraybuffer" = "blob";
  #bufferedAmount = 0;
  /** A Blob was sent, which has to be read first: what is sent after it may wait. */
  #mayWait: boolean;

  private constructor(parts: WebSocketParts) {
    super();
    if (!parts?.framesFor) throw new TypeError("Cannot make a HttpWebSocket: session.websocket opens one");
    const { extensions, msg, protocol, url } = parts;
    this.msg = msg;
    this.url = url;
    this.protocol = protocol;
    this.extensions = extensions;
    this.#frames = parts.framesFor({
      message: (data, isBinary) => this.#received(isBinary ? this.#binary(data) : data.toString()),
      closing: () => {
        if (this.#readyState === HttpWebSocket.OPEN) this.#readyState = HttpWebSocket.CLOSING;
      },
      failed: (error) => void this.dispatchEvent(new WebSocketErrorEvent(error)),
      closed: (code, reason, isClean) => this.#closed(new WebSocketCloseEvent(code, reason, isClean)),
    });
    this.#mayWait = this.#frames.mayCompress;
    // Whoever has waited for it gets a turn to listen before anything is told.
    builtin.timers.setImmediate(() => {
      if (this.#readyState === HttpWebSocket.CLOSED) return;
      this.dispatchEvent(new Event("open"));
      this.#frames.start();
    });
  }

  /** `OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /**
   * What messages of bytes are told as.
   *
   * @default {"blob"}
   */
  get binaryType(): "blob" | "arraybuffer" {
    return this.#binaryType;
  }
  set binaryType(value: "blob" | "arraybuffer") {
    if (value !== "blob" && value !== "arraybuffer") {
      throw new TypeError(`Cannot set binaryType to ${describeValue(value)}: it is "blob" or "arraybuffer"`);
    }
    this.#binaryType = value;
  }

  /** Bytes of messages that were sent and are not through yet. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /** The listener of "open" that was set here; null for none. */
  get onopen(): HttpWebSocketHandler<"open"> {
    return this.#handler("open");
  }
  set onopen(handler: HttpWebSocketHandler<"open">) {
    this.#setHandler("open", handler);
  }

  /** The listener of "message" that was set here; null for none. */
  get onmessage(): HttpWebSocketHandler<"message"> {
    return this.#handler("message");
  }
  set onmessage(handler: HttpWebSocketHandler<"message">) {
    this.#setHandler("message", handler);
  }

  /** The listener of "error" that was set here; null for none. */
  get onerror(): HttpWebSocketHandler<"error"> {
    return this.#handler("error");
  }
  set onerror(handler: HttpWebSocketHandler<"error">) {
    this.#setHandler("error", handler);
  }

  /** The listener of "close" that was set here; null for none. */
  get onclose(): HttpWebSocketHandler<"close"> {
    return this.#handler("close");
  }
  set onclose(handler: HttpWebSocketHandler<"close">) {
    this.#setHandler("close", handler);
  }

  /**
   * Sends a message: text, or bytes, which are copied. Once the socket closes it goes nowhere, as the standard has it.
   *
   * @throws {TypeError} For what is neither.
   */
  send(data: string | BytesInput | Blob): void {
    const message = typeof data === "string" || data instanceof Blob ? data : bytesOf(data, this.#mayWait);
    const length = message instanceof Blob ? sizeOf(message) ?? 0 : Buffer.byteLength(message);
    this.#bufferedAmount += length;
    if (this.#readyState !== HttpWebSocket.OPEN) return;
    if (message instanceof Blob) this.#mayWait = true;
    this.#frames.send(message, length, () => this.#bufferedAmount -= length);
  }

  /**
   * Begins the closing handshake; "close" tells of its end, after 5 seconds also where the server does nothing. Idempotent.
   *
   * @param code 1000, or 3000 to 4999 for a program's own; none where it is left out.
   * @param reason Up to 123 bytes of UTF-8.
   * @throws {DOMException} As the standard has it: InvalidAccessError for another code, SyntaxError for a longer reason.
   */
  close(code?: number, reason = ""): void {
    if (code !== undefined && code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) {
      throw new DOMException(
        `Cannot close the WebSocket with ${code}: the code is 1000 or from 3000 to 4999`,
        "InvalidAccessError",
      );
    }
    const length = Buffer.byteLength(reason);
    if (length > MAX_REASON) {
      throw new DOMException(
        `Cannot close the WebSocket with a reason of ${length} bytes: at most ${MAX_REASON} are sent`,
        "SyntaxError",
      );
    }
    if (this.#readyState !== HttpWebSocket.OPEN) return;
    this.#readyState = HttpWebSocket.CLOSING;
    // A reason needs a code in front of it.
    this.#frames.close(code ?? (reason === "" ? undefined : 1000), reason);
  }

  /** Begins the closing handshake, as `close` does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes it and waits until it is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#over.promise;
  }

  #received(data: string | ArrayBuffer | Blob): void {
    if (this.#readyState === HttpWebSocket.CLOSED) return;
    this.dispatchEvent(new MessageEvent("message", { data, origin: new URL(this.url).origin }));
  }

  #binary(data: Buffer): ArrayBuffer | Blob {
    const bytes = new Uint8Array(data);
    return this.#binaryType === "blob" ? new Blob([bytes]) : bytes.buffer;
  }

  #closed(event: WebSocketCloseEvent): void {
    this.#readyState = HttpWebSocket.CLOSED;
    this.dispatchEvent(event);
    this.#over.resolve();
  }

  #handler<K extends keyof HttpWebSocketEvents>(type: K): HttpWebSocketHandler<K> {
    return this.#handlers.get(type) as HttpWebSocketHandler<K> | undefined ?? null;
  }

  #setHandler<K extends keyof HttpWebSocketEvents>(type: K, handler: HttpWebSocketHandler<K>): void {
    const before = this.#handlers.get(type);
    if (before !== undefined) this.removeEventListener(type, before as TypedListener<HttpWebSocketEvents[K], this>);
    this.#handlers.delete(type);
    if (handler === null) return;
    checkFunction(`listen for "${type}"`, handler);
    this.#handlers.set(type, handler);
    this.addEventListener(type, handler as TypedListener<HttpWebSocketEvents[K], this>);
  }
}

/** Bytes as they are written; a copy where they may be written later. */
function bytesOf(data: BytesInput, isCopied: boolean): Buffer {
  if (!ArrayBuffer.isView(data) && !(data instanceof ArrayBuffer) && !isShared(data)) {
    throw unexpected("send the message", "text, bytes or a Blob", data);
  }
  const bytes = ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
  return isCopied ? Buffer.from(bytes) : bytes;
}

function isShared(data: unknown): boolean {
  return typeof SharedArrayBuffer !== "undefined" && data instanceof SharedArrayBuffer;
}
