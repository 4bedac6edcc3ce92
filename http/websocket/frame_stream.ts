/**
 * The frames of one WebSocket: messages, pings and the closing handshake (RFC 6455 §5 to §7).
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { Buffer } from "node:buffer";
import type { Duplex, Writable } from "node:stream";
import { fromByteDuplex } from "../../internal/byte_duplex.ts";
import type { UpgradedStream } from "../transports/transport.ts";
import type { Extensions, FrameSender, Framing } from "./framing.ts";

/** Milliseconds a peer has to close the connection, once it is to be closed; libsoup gives it as long. */
const CLOSE_TIMEOUT = 5000;
/** Pieces of one message, and pieces of a frame that has not come to its end: each costs memory beyond its bytes. */
const MAX_FRAGMENTS = 16 * 1024;
const MAX_PIECES = 256 * 1024;
/** Shorter messages gain nothing by being compressed. */
const COMPRESSED_FROM = 1024;
const NOTHING = Buffer.alloc(0);

/** Codes of close frames (RFC 6455 §7.4.1). */
const CloseCode = { PROTOCOL_ERROR: 1002, NONE: 1005, ABNORMAL: 1006, INVALID_DATA: 1007, TOO_LARGE: 1009 } as const;

/** Who is told what comes. */
export interface FrameListener {
  message(data: Buffer, isBinary: boolean): void;
  /** The closing handshake has begun, here or there, or there will be none. */
  closing(): void;
  /** The peer breaks the protocol, or the connection has failed. */
  failed(error: Error): void;
  /** The connection is over. */
  closed(code: number, reason: string, isClean: boolean): void;
}

/** What a {@linkcode FrameStream} is made with. */
export interface FrameStreamOptions {
  readonly extensions: Extensions;
  /** Largest message in bytes. */
  readonly maxMessageBytes: number;
  /** Seconds between pings; 0 for none. */
  readonly keepaliveInterval: number;
}

/** Speaks WebSocket on a stream. */
export class FrameStream {
  readonly #upgraded: UpgradedStream;
  readonly #stream: Duplex;
  readonly #receiver: Writable;
  readonly #sender: FrameSender;
  readonly #options: FrameStreamOptions;
  readonly #listener: FrameListener;
  #received: { code: number; reason: string } | null = null;
  #hasFailed = false;
  #hasPeerEnded = false;
  #isCloseSent = false;
  #isCloseWritten = false;
  #isOver = false;
  #closeTimer: ReturnType<typeof builtin.timers.setTimeout> | null = null;
  #keepalive: ReturnType<typeof builtin.timers.setInterval> | null = null;
  /** A ping was sent, and nothing has come since. */
  #isUnanswered = false;
  /** The ping that is answered once the peer reads again; of several the last one counts (RFC 6455 §5.5.3). */
  #lastPing: Buffer | null = null;

  constructor(upgraded: UpgradedStream, framing: Framing, options: FrameStreamOptions, listener: FrameListener) {
    this.#upgraded = upgraded;
    this.#stream = fromByteDuplex(upgraded);
    // The close frame is answered when the server has ended its side with it, too.
    this.#stream.allowHalfOpen = true;
    this.#options = options;
    this.#listener = listener;
    this.#receiver = new framing.Receiver({
      isServer: false,
      // Each message is an event of its own turn, so that whoever waits for one at a time misses none.
      allowSynchronousEvents: false,
      extensions: options.extensions,
      maxPayload: options.maxMessageBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_PIECES,
    });
    this.#sender = new framing.Sender(this.#stream, options.extensions);
    this.#sender.onerror = (error) => this.#fail(error);
    this.#stream.on("error", (error: Error) => this.#broke(error));
    void upgraded.closed.then(() => this.#ended());
  }

  /** Begins to read. What has come before waits until now, so that listeners can be added first. */
  start(): void {
    const receiver = this.#receiver;
    receiver.on("message", (data: Buffer, isBinary: boolean) => this.#listener.message(data, isBinary));
    receiver.on("ping", (data: Buffer) => this.#answer(data));
    receiver.on("conclude", (code: number, reason: Buffer) => this.#conclude(code, reason));
    receiver.on("error", (error: Error) => this.#fail(error));
    receiver.on("drain", () => this.#stream.resume());
    this.#stream.on("data", this.#onData);
    this.#stream.on("drain", () => this.#answerLast());
    this.#stream.on("end", () => this.#whenRead(() => this.#peerEnded()));
    this.#stream.resume();
    const { keepaliveInterval } = this.#options;
    if (keepaliveInterval > 0) {
      this.#keepalive = builtin.timers.setInterval(() => this.#ping(), keepaliveInterval * 1000);
      this.#keepalive.unref();
    }
  }

  /** Sends a message; `written` is called once it is through, or never will be. */
  send(data: string | Buffer | Blob, byteLength: number, written: () => void): void {
    const isCompressed = this.mayCompress && byteLength >= COMPRESSED_FROM;
    const options = { binary: typeof data !== "string", compress: isCompressed, fin: true, mask: true } as const;
    this.#sender.send(data, options, written);
  }

  /** Whether messages may be compressed, which takes its time. */
  get mayCompress(): boolean {
    return "permessage-deflate" in this.#options.extensions;
  }

  /** Begins the closing handshake. */
  close(code?: number, reason = ""): void {
    this.#sendClose(code, reason);
  }

  /** Closes at once. */
  destroy(): void {
    this.#upgraded.destroy();
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#isUnanswered = false;
    if (!this.#receiver.write(bytes)) this.#stream.pause();
  };

  #answer(data: Buffer): void {
    if (this.#isCloseSent) return;
    if (this.#stream.writableNeedDrain) this.#lastPing = Buffer.from(data);
    else this.#sender.pong(data, true);
  }

  #answerLast(): void {
    const data = this.#lastPing;
    this.#lastPing = null;
    if (data !== null) this.#answer(data);
  }

  /** Asks whether the peer is there; one that has said nothing since it was asked last is not. */
  #ping(): void {
    if (this.#isCloseSent) return;
    // What has come while the thread was busy is read first.
    if (this.#isUnanswered) return void builtin.timers.setImmediate(() => this.#giveUpUnlessAnswered());
    this.#isUnanswered = true;
    this.#sender.ping(NOTHING, true);
  }

  #giveUpUnlessAnswered(): void {
    if (!this.#isUnanswered || this.#isOver) return;
    this.#broke(Object.assign(new Error("Cannot go on: the server does not answer any more"), { code: "ETIMEDOUT" }));
    this.destroy();
  }

  /** The peer has sent its close frame: nothing that follows counts (RFC 6455 §5.5.1). */
  #conclude(code: number, reason: Buffer): void {
    this.#received = { code, reason: reason.toString() };
    this.#stopReading();
    this.#listener.closing();
    this.#sendClose(code === CloseCode.NONE ? undefined : code, reason);
    this.#endIfDone();
  }

  /** The peer breaks the protocol: it is told so, and the connection ends (RFC 6455 §7.1.7). */
  #fail(error: Error): void {
    if (this.#isOver || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#stopReading();
    this.#listener.closing();
    this.#listener.failed(error);
    this.#sendClose(closeCodeOf(error), "");
    this.#endIfDone();
  }

  /** The connection has failed. */
  #broke(error: Error): void {
    if (this.#isOver || this.#hasFailed || this.#received !== null) return;
    this.#hasFailed = true;
    this.#listener.closing();
    this.#listener.failed(error);
  }

  /** What still comes is dropped, and read: an end that arrives with unread bytes in its way would be a reset. */
  #stopReading(): void {
    this.#stream.off("data", this.#onData);
    this.#receiver.removeAllListeners("drain");
    this.#stream.resume();
  }

  #sendClose(code: number | undefined, reason: string | Buffer): void {
    if (this.#isCloseSent || this.#isOver) return;
    this.#isCloseSent = true;
    this.#sender.close(code, reason, true, (error) => {
      this.#isCloseWritten = !error;
      this.#endIfDone();
    });
    this.#closeTimer = builtin.timers.setTimeout(() => this.destroy(), CLOSE_TIMEOUT);
  }

  /** The peer writes no more, and everything it has written is read. A close frame that is on its way goes first. */
  #peerEnded(): void {
    this.#hasPeerEnded = true;
    if (this.#isCloseSent) this.#endIfDone();
    else this.#stream.end();
  }

  /** Both have said that they are done. */
  #endIfDone(): void {
    if (this.#isCloseWritten && (this.#received !== null || this.#hasFailed || this.#hasPeerEnded)) this.#stream.end();
  }

  /** The stream is over; what has come of it is told first. */
  #ended(): void {
    this.#whenRead(() => this.#over());
  }

  /** Each message is read in a turn of its own, so that the last may come to light long after the end. */
  #whenRead(done: () => void): void {
    const receiver = this.#receiver;
    if (receiver.writableFinished || receiver.destroyed || this.#hasFailed) return done();
    receiver.once("finish", done).once("error", done);
    receiver.end();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#closeTimer !== null) builtin.timers.clearTimeout(this.#closeTimer);
    if (this.#keepalive !== null) builtin.timers.clearInterval(this.#keepalive);
    for (const extension of Object.values(this.#options.extensions)) extension.cleanup();
    this.#upgraded.destroy();
    this.#stream.destroy();
    this.#listener.closing();
    const { code, reason } = this.#received ?? { code: CloseCode.ABNORMAL, reason: "" };
    this.#listener.closed(code, reason, this.#received !== null && this.#isCloseWritten);
  }
}

/** What a close frame says of an error of the library's. */
function closeCodeOf(error: Error): number {
  const { code = "" } = error as { code?: string };
  if (code === "WS_ERR_INVALID_UTF8" || code.startsWith("Z_")) return CloseCode.INVALID_DATA;
  return /_LENGTH$|TOO_MANY/.test(code) && !code.includes("CONTROL") ? CloseCode.TOO_LARGE : CloseCode.PROTOCOL_ERROR;
}
