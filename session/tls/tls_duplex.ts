/** A TLS session as a stream over another stream: the event loop's way to drive it. */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { Block } from "../../ffi/memory/block.ts";
import type { NativeCall, PendingJob } from "../../ffi/workers/worker_pool.ts";
import type { Credentials } from "./credentials.ts";
import { SocketLike } from "./socket_like.ts";
import { TlsError } from "../errors.ts";
import type { HandshakeStep, TlsSession } from "./tls_session.ts";
import { callInOrder, inPlace, onEventLoop } from "./work.ts";

/** Bytes that are encrypted before others get their turn on the event loop. */
const BURST = 0x40000;
/** Pieces up to this size in all go out as one. */
const JOINED = 0x10000;
/** Pieces up to this size go out without having been put in a queue: a record (RFC 8446 §5.1). */
const SMALL = 0x4000;

/** What a handshake signs with, when it comes to that. */
export interface Lender {
  /** Lends credentials; there may be a wait for some that others use. */
  take(): Promise<Credentials>;
  /** Calls that fail where the token is not ready for them; null where that is known already. */
  check(block: Block): readonly NativeCall[] | null;
  /** Has the token made ready again, and lends credentials for it instead of those that were lent before. */
  renew(): Promise<Credentials>;
}

type WriteDone = (error?: Error | null) => void;

/** How a stream is made. */
export interface TlsDuplexOptions {
  /** Whether writing goes on after the peer has ended. */
  readonly allowHalfOpen: boolean;
  /** Called after something was read. */
  readonly read?: (() => void) | undefined;
}

/** The decrypted stream. */
export class TlsDuplex extends SocketLike {
  /** As of sockets with TLS. */
  readonly encrypted = true;
  readonly #session: TlsSession;
  readonly #raw: Duplex;
  readonly #afterRead: (() => void) | undefined;
  #isSecured = false;
  /** A worker thread is inside a call on the session. */
  #isCalling = false;
  /** The handshake's job: on a token that never answers it costs no worker thread once nobody waits. */
  #job: PendingJob | null = null;
  /** Calls of this thread on the session that are under way. */
  #inside = 0;
  #isFreed = false;
  #wants = false;
  #isOver = false;
  #hasEnded = false;
  #burst = 0;
  #wake: (() => void) | null = null;
  #drained: (() => void) | null = null;

  /** Puts a session on a connected stream, which is this one's from now on. */
  constructor(session: TlsSession, raw: Duplex, options: TlsDuplexOptions) {
    super(raw, options.allowHalfOpen);
    this.#session = session;
    this.#raw = raw;
    this.#afterRead = options.read;
    raw.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose);
    raw.on("drain", this.#onDrain).on("timeout", this.#onTimeout);
    // Whoever reads or writes hears of a failure; without any listener it would end the process.
    this.on("error", () => {});
    raw.resume();
  }

  /**
   * Does the handshake, with the token's signature on a worker thread. Settles only when no call is under way any more.
   *
   * @param lender Asked for credentials when the peer has answered.
   * @throws {TlsError} when it fails; what the stream was destroyed with when that comes before
   */
  async handshake(host: string, lender: Lender): Promise<Exclude<HandshakeStep, "more">> {
    this.#assertAlive();
    let isLent = false;
    // For what is said first nothing is signed.
    const hello = inPlace(callInOrder(this.#session.handshakeCalls()));
    let answer = this.#session.handshakeAnswer(hello);
    for (;;) {
      let next: HandshakeStep;
      try {
        next = this.#session.handshakeStep(answer, host);
      } finally {
        this.#flushOut();
      }
      if (next !== "more") return next;
      if (!this.#session.flushIn() && !this.#session.canGoOn) await new Promise<void>((wake) => this.#wake = wake);
      this.#assertAlive();
      answer = isLent ? (await this.#goOn([])).answer : await this.#goOnWith(lender);
      isLent = true;
    }
  }

  /** The step behind the peer's first answer: the token is looked at in the same job, so that no other has to be waited for. */
  async #goOnWith(lender: Lender): Promise<number> {
    this.#use(await lender.take());
    const check = lender.check(this.#session.memory);
    if (check !== null) {
      const { answer, isMade } = await this.#goOn(check);
      if (isMade) return answer;
    }
    // It was taken away, or somebody has logged out.
    this.#use(await lender.renew());
    return (await this.#goOn([])).answer;
  }

  #use(credentials: Credentials): void {
    // Whoever has destroyed the stream meanwhile has freed the session.
    this.#assertAlive();
    this.#session.use(credentials);
  }

  /** Goes on with the handshake behind calls that must go well, or it is not gone on with. */
  async #goOn(first: readonly NativeCall[]): Promise<{ readonly answer: number; readonly isMade: boolean }> {
    this.#session.flushIn();
    const calls = [...first, ...this.#session.handshakeCalls()];
    const work = callInOrder(calls, this.#session.memory, (job) => void (this.#job = job));
    const result = await this.#call(() => onEventLoop(work));
    return {
      answer: this.#session.handshakeAnswer(result, first.length),
      isMade: result.stopped >= first.length,
    };
  }

  /** Does something with the session, unless the stream was destroyed. */
  alive<T>(body: () => T): T {
    this.#assertAlive();
    return body();
  }

  /** From now on what is read and written is the peer's and for the peer. */
  secured(): void {
    this.#isSecured = true;
    this.#pull();
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    this.#isCalling = true;
    try {
      return await call();
    } finally {
      this.#isCalling = false;
      this.#job = null;
      if (this.destroyed) this.#free();
      this.#assertAlive();
    }
  }

  #assertAlive(): void {
    if (this.destroyed) throw this.errored ?? closedError();
  }

  override _read(): void {
    this.#wants = true;
    this.#pull();
  }

  override write(chunk: unknown, done?: WriteDone): boolean;
  override write(chunk: unknown, encoding?: BufferEncoding, done?: WriteDone): boolean;
  /** As of streams. What nothing waits before, and nobody waits for, goes out at once, past what streams do for the rest. */
  override write(chunk: unknown, encoding?: BufferEncoding | WriteDone, done?: WriteDone): boolean {
    if (done === undefined && typeof encoding !== "function" && this.#mayPass()) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
      if (bytes instanceof Uint8Array && bytes.length > 0 && bytes.length <= SMALL) {
        this.#send([bytes], this.#afterPassing);
        return true;
      }
    }
    return typeof encoding === "function" ? super.write(chunk, encoding) : super.write(chunk, encoding!, done);
  }

  /** Whether nothing that was written before is still here, and the peer takes more. */
  #mayPass(): boolean {
    return this.#isSecured && this.#inside === 0 && this.writableLength === 0 && this.writableCorked === 0 &&
      this.writable && !this.#raw.writableNeedDrain && this.#burst < BURST - SMALL;
  }

  readonly #afterPassing = (error?: Error | null): void => {
    if (error) this.destroy(error);
  };

  override _write(bytes: Uint8Array, _encoding: unknown, done: (error?: Error | null) => void): void {
    this.#send([bytes], done);
  }

  override _writev(chunks: readonly { chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#send(chunks.map(({ chunk }) => chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#isSecured && !this.destroyed) {
      this.#session.sayGoodbye();
      this.#flushOut();
      this.#raw.end();
    }
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const raw = this.#raw;
    raw.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    raw.off("drain", this.#onDrain).off("timeout", this.#onTimeout);
    // What was said for goodbye is still on its way.
    if (error === null && raw.writableEnded && !raw.writableFinished) raw.once("finish", () => raw.destroy());
    else raw.destroy();
    if (this.#isCalling) this.#job?.abandon();
    this.#free();
    this.#drained = null;
    this.#wakeUp();
    done(error);
  }

  /** Frees the session, unless a call on it is under way: then that does. */
  #free(): void {
    if (this.#isFreed || this.#isCalling || this.#inside > 0) return;
    this.#isFreed = true;
    this.#session.close();
  }

  /** Does something with the session, which others may destroy meanwhile. */
  #enter(body: () => void): void {
    this.#inside++;
    try {
      body();
    } finally {
      this.#inside--;
      if (this.destroyed) this.#free();
    }
  }

  #pull(): void {
    if (!this.#isSecured || this.#inside > 0 || this.#isOver || this.destroyed) return;
    this.#enter(() => {
      const before = this.#session.otherRecords;
      try {
        this.#readAll();
      } catch (error) {
        this.#flushOut();
        this.destroy(error as Error);
      }
      if (this.#session.otherRecords !== before) this.#flushOut();
      this.#throttle();
    });
  }

  #readAll(): void {
    while (this.#wants && !this.destroyed) {
      const piece = this.#session.read();
      if (piece === null) break;
      if (piece === "end") {
        this.#isOver = true;
        this.push(null);
        break;
      }
      // Whoever gets it may end everything.
      if (this.#isListened) this.emit("data", piece);
      else if (!this.push(piece)) this.#wants = false;
    }
    if (!this.destroyed) this.#afterRead?.();
  }

  /** Whether whoever listens gets what comes without it having been put in a queue. */
  get #isListened(): boolean {
    return this.readableFlowing === true && this.readableLength === 0 && this.readableEncoding === null &&
      this.listenerCount("data") > 0;
  }

  /** The peer is held back while what it has sent finds no room. */
  #throttle(): void {
    if (this.destroyed) return;
    if (this.#session.hasBacklog) this.#raw.pause();
    else if (this.#raw.isPaused()) this.#raw.resume();
  }

  #send(pieces: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    let failure: Error | null = null;
    this.#enter(() => {
      try {
        const output = (): void => this.#flushOut();
        for (const piece of size <= JOINED ? [joined(pieces, size)] : pieces) this.#session.write(piece, output);
      } catch (error) {
        failure = error as Error;
        this.#flushOut();
      }
    });
    this.#burst += size;
    if (failure !== null) done(failure);
    else if (this.#raw.writableNeedDrain && !this.destroyed) this.#drained = done;
    else if (this.#burst < BURST) done();
    else {
      this.#burst = 0;
      setImmediate(done);
    }
  }

  #flushOut(): void {
    if (this.#isFreed || this.#isCalling || this.#raw.destroyed || this.#raw.writableEnded) return;
    for (const bytes of this.#session.output()) this.#raw.write(bytes);
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  readonly #onData = (bytes: Uint8Array): void => {
    this.#session.feed(bytes);
    this.#moveIn();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    this.#session.endOfInput();
    this.#moveIn();
  };

  #moveIn(): void {
    if (this.#isSecured && this.#wants && this.#inside === 0) return this.#pull();
    this.#session.flushIn();
    this.#throttle();
    this.#wakeUp();
  }

  readonly #onError = (error: Error): void => void this.destroy(error);

  readonly #onClose = (): void => {
    // What has come before a regular end is still to be read.
    if (!this.#hasEnded) this.destroy(closedError());
  };

  readonly #onDrain = (): void => {
    this.#burst = 0;
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
  };

  readonly #onTimeout = (): boolean => this.emit("timeout");
}

function closedError(): TlsError {
  return new TlsError("Cannot go on with TLS: the connection was closed", { code: "ERR_TLS_CONNECTION_CLOSED" });
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
