/** The client's side of one HTTP/2 connection (RFC 9113): streams, windows, and what the peer says about all of them. */
import { Buffer } from "node:buffer";
import { Patience } from "../../../internal/patience.ts";
import { isIdempotentMethod } from "../../protocol/headers.ts";
import type { ExchangeObserver, TransportRequest, TransportResponse } from "../transport.ts";
import { brokenError, ConnectionFault, ErrorCode, errorName, StreamFault } from "./wire/errors.ts";
import { needsHttp1Error, settingsTimeout, unprocessedError } from "./wire/errors.ts";
import { FloodGuard } from "./wire/flood_guard.ts";
import { type FrameHandler, FrameInbox } from "./wire/frame_inbox.ts";
import {
  DataFrames,
  DEFAULT_WINDOW,
  Flag,
  frame,
  frameHeader,
  FrameType,
  goAwayFrame,
  headersFrames,
  MAX_31_BITS,
  numberFrame,
  PREFACE,
  Setting,
  settingsFrame,
} from "./wire/frames.ts";
import { type Http2Options, type Http2Wire, usualTimes } from "./connection_options.ts";
import { HeldRequests } from "./held_requests.ts";
import type { Section } from "./wire/hpack_decoder.ts";
import { HpackEncoder } from "./wire/hpack_encoder.ts";
import type { Field } from "./wire/hpack_table.ts";
import { Outbox, WaitingBodies } from "./outbox.ts";
import { PeerProbe } from "./peer_probe.ts";
import { PeerSettings } from "./peer_settings.ts";
import { type RequestSection, RequestSections } from "./request_fields.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { ResetStreams } from "./reset_streams.ts";
import { Http2Stream, STREAM_WINDOW, type StreamLink } from "./stream.ts";

/** Bytes of all bodies together that may be on their way; they are not kept here, so credit is given as they come. */
const CONNECTION_WINDOW = 16 * 1024 * 1024;
/** Streams before the peer has said how many it takes. */
const FIRST_STREAMS = 10;
/** Streams at once, whatever the peer takes: each may leave a window's worth of unread body. */
const MOST_STREAMS = 256;
/** With so many streams it is worth waiting for the end of the turn before writing. */
const CROWD = 4;

/** One connection, with any number of exchanges at once. What arrives is given to `received`, `ended` and `broke`. */
export class Http2Connection implements FrameHandler, StreamLink {
  readonly #wire: Http2Wire;
  readonly #options: Http2Options;
  readonly #guard = new FloodGuard();
  readonly #inbox: FrameInbox;
  readonly #outbox: Outbox;
  readonly #encoder = new HpackEncoder();
  readonly #sections = new RequestSections();
  readonly #peer = new PeerSettings();
  readonly #probe: PeerProbe;
  /** Until the peer has greeted. */
  readonly #greeting: Patience;
  readonly #streams = new Map<number, Http2Stream>();
  readonly #reset = new ResetStreams();
  readonly #held = new HeldRequests();
  readonly #receiveWindow = new ReceiveWindow(CONNECTION_WINDOW);
  /** Those of whose responses something is to be handed on once all that has arrived was looked at. */
  #answered: Http2Stream[] = [];
  readonly #waiting = new WaitingBodies();
  #awaited = 0;
  /** The connection takes no new streams. */
  #isRetired = false;

  /** What comes is taken apart: bodies are joined, all else is decoded. */
  readonly keepsNothing = true;
  lastStream = -1;
  isOver = false;
  window: number = DEFAULT_WINDOW;
  hasWorked = false;

  constructor(wire: Http2Wire, options: Http2Options) {
    const { times = usualTimes } = options;
    this.#wire = wire;
    this.#options = options;
    this.#inbox = new FrameInbox(this, this.#guard, options.maxHeaderBytes);
    this.#outbox = new Outbox(wire, () => this.#streams.size > CROWD, () => this.#waiting.wake());
    this.#probe = new PeerProbe((payload) => this.#write(frame(FrameType.PING, Flag.NONE, 0, payload)), times);
    this.#greeting = new Patience(times.settings, () => this.#fault(settingsTimeout(times.settings))).unref();
    this.#write(Buffer.from(PREFACE, "latin1"));
    this.#write(settingsFrame([
      [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
      [Setting.MAX_HEADER_LIST_SIZE, options.maxHeaderBytes],
    ]));
    this.#write(numberFrame(FrameType.WINDOW_UPDATE, 0, CONNECTION_WINDOW - DEFAULT_WINDOW));
  }

  /** True while it takes new streams, as far as is known. */
  get isOpen(): boolean {
    return !this.isOver && !this.#isRetired;
  }

  /** Streams at once. */
  get maxExchanges(): number {
    if (!this.isOpen) return 0;
    return this.#peer.isKnown ? Math.min(this.#peer.maxConcurrentStreams, MOST_STREAMS) : FIRST_STREAMS;
  }

  /** False once the peer has said that it takes no extended CONNECT requests. */
  get mayUpgrade(): boolean {
    return !this.#peer.isKnown || this.#peer.hasConnectProtocol;
  }

  /**
   * Sends one request. One that may not be sent twice is not entrusted to a connection that may be dead: the peer is
   * asked first; so is one that agrees to other protocols.
   */
  send(request: TransportRequest, observer: ExchangeObserver): Promise<TransportResponse> {
    try {
      if (!this.isOpen) throw unprocessedError("the connection was closed", "ECONNRESET");
      const section = this.#sections.of(request);
      const isLater = request.upgrade || (!isIdempotentMethod(request.method) && this.#probe.isSilent);
      return isLater ? this.#sendLater(request, section, observer) : this.#begin(request, section, observer);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Gives one exchange up; whoever waits gets `reason` itself. False when the connection is of no more use. */
  cancel(observer: ExchangeObserver, reason: unknown): boolean {
    this.#held.giveUp(observer, reason);
    for (const stream of this.#streams.values()) if (stream.observer === observer) stream.abort(reason);
    return !this.isOver;
  }

  /** Ends everything; whoever waits gets `reason` itself. */
  close(reason: unknown): void {
    if (!this.isOver) this.#end(ErrorCode.NO_ERROR, (stream) => stream.abort(reason), reason);
  }

  /** Bytes have arrived. */
  received(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.#probe.heard();
    let fault: unknown = null;
    try {
      this.#inbox.push(bytes);
    } catch (error) {
      fault = error;
    }
    const answered = this.#answered;
    if (answered.length > 0) {
      this.#answered = [];
      for (const stream of answered) stream.handOn();
    }
    if (fault !== null) this.#fault(fault);
  }

  /** The peer has closed its side. */
  ended(): void {
    this.broke(Object.assign(new Error("Cannot read the response: the server closed the connection"), {
      code: "ERR_HTTP_TRUNCATED_RESPONSE",
    }));
  }

  /** The stream of bytes has failed. */
  broke(error: Error): void {
    if (this.isOver) return;
    this.#end(null, (stream) => stream.fail(this.#options.explain(error, stream.phase)), null);
    this.#options.onEnded();
  }

  async #sendLater(
    request: TransportRequest,
    section: RequestSection,
    observer: ExchangeObserver,
  ): Promise<TransportResponse> {
    this.awaited(true);
    try {
      if (request.upgrade) await this.#held.wait(observer, this.#settings());
      else if (!await this.#held.wait(observer, this.#probe.ask())) this.#retire();
    } finally {
      this.awaited(false);
    }
    if (!this.isOpen) throw unprocessedError("the server does not answer any more", "ECONNRESET");
    // An extended CONNECT goes to those alone that say they take it (RFC 8441 §3).
    if (request.upgrade && !this.mayUpgrade) throw needsHttp1Error(`the server has no ${request.upgrade} over HTTP/2`);
    return await this.#begin(request, section, observer);
  }

  /** Resolves when the peer has said what it takes, or never will. */
  async #settings(): Promise<void> {
    while (!this.#peer.isKnown && this.isOpen) await this.room(false);
  }

  #begin(request: TransportRequest, section: RequestSection, observer: ExchangeObserver): Promise<TransportResponse> {
    const id = this.lastStream += 2;
    if (id >= MAX_31_BITS - 1) this.#retire();
    const stream = new Http2Stream(id, this, request, observer, this.#peer.initialWindow);
    this.#streams.set(id, stream);
    this.#guard.earn(4);
    return stream.run(section);
  }

  // What streams ask for.

  get hasRoom(): boolean {
    return this.#outbox.hasRoom;
  }

  room(hasWritten: boolean): Promise<void> {
    return this.isOver ? Promise.resolve() : this.#waiting.wait(hasWritten);
  }

  writeHeaders(stream: number, fields: readonly Field[], isEnd: boolean): void {
    const block = this.#encoder.encode(fields);
    for (const each of headersFrames(stream, block, isEnd, this.#peer.maxFrameSize)) this.#write(each);
  }

  writeData(stream: number, piece: Uint8Array, isEnd: boolean): void {
    this.window -= piece.byteLength;
    const frames = new DataFrames(stream, piece, isEnd, this.#peer.maxFrameSize);
    this.#guard.earn(2 * frames.count);
    this.#write(frames);
  }

  reset(stream: number, errorCode: number, window: number): void {
    this.#reset.add(stream, window);
    this.#write(numberFrame(FrameType.RST_STREAM, stream, errorCode));
  }

  giveCredit(stream: number, bytes: number): void {
    this.#write(numberFrame(FrameType.WINDOW_UPDATE, stream, bytes));
  }

  awaited(isAwaited: boolean): void {
    this.#awaited += isAwaited ? 1 : -1;
    if (!this.isOver) this.#wire.keepsProcessAlive(this.#awaited > 0);
  }

  answered(stream: Http2Stream): void {
    this.hasWorked = true;
    this.#answered.push(stream);
  }

  streamOver(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#waiting.wake();
    if (this.#isRetired && this.#streams.size === 0 && !this.isOver) this.#endRetired();
  }

  // What the peer says.

  onHeaders(stream: number, section: Section, isEnd: boolean): void {
    const open = this.#streams.get(stream);
    if (open === undefined) return this.#reset.received(stream, 0, isEnd);
    try {
      open.headers(section, isEnd);
    } catch (error) {
      refuse(open, error);
    }
  }

  onData(stream: number, piece: Uint8Array, length: number, isEnd: boolean): void {
    if (!this.#receiveWindow.take(length)) {
      throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more comes than the window of the connection allows");
    }
    const credit = this.#receiveWindow.credit();
    if (credit > 0) this.giveCredit(0, credit);
    const open = this.#streams.get(stream);
    if (open === undefined) return this.#reset.received(stream, length, isEnd);
    try {
      open.data(piece, length, isEnd);
    } catch (error) {
      refuse(open, error);
    }
  }

  onReset(stream: number, errorCode: number): void {
    const open = this.#streams.get(stream);
    if (open === undefined) this.#guard.spend("RST_STREAM");
    else open.wasReset(errorCode);
  }

  onSettings(payload: Uint8Array): void {
    const before = this.#peer.initialWindow;
    this.#peer.apply(payload);
    const change = this.#peer.initialWindow - before;
    for (const { upload } of this.#streams.values()) {
      upload.window += change;
      if (upload.window <= MAX_31_BITS) continue;
      throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the settings open a window too far");
    }
    if (this.#peer.headerTableSize !== null) this.#encoder.limitTable(this.#peer.headerTableSize);
    this.#greeting.end();
    this.#write(frameHeader(FrameType.SETTINGS, Flag.ACK, 0, 0));
    this.#waiting.wake();
    this.#options.onChange();
  }

  onPing(payload: Uint8Array, isAnswer: boolean): void {
    if (isAnswer) this.#probe.answered(payload);
    else this.#write(frame(FrameType.PING, Flag.ACK, 0, payload));
  }

  /** What came after the last stream the server has looked at was not processed, whatever its method. */
  onGoAway(lastStream: number, errorCode: number): void {
    this.#retire();
    for (const stream of [...this.#streams.values()]) {
      if (stream.id <= lastStream) continue;
      stream.fail(unprocessedError("the server has ended the connection before", errorName(errorCode)));
    }
    if (this.#streams.size === 0 && !this.isOver) this.#endRetired();
  }

  onWindowUpdate(stream: number, bytes: number): void {
    if (stream !== 0) this.#onStreamWindow(stream, bytes);
    else {
      if (bytes === 0) throw new ConnectionFault(ErrorCode.PROTOCOL_ERROR, "its window is opened by nothing");
      this.window += bytes;
      if (this.window > MAX_31_BITS) {
        throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "its window is opened too far");
      }
    }
    // While the socket has enough to do nobody could go on.
    if (this.hasRoom) this.#waiting.wake();
  }

  #onStreamWindow(stream: number, bytes: number): void {
    const open = this.#streams.get(stream);
    try {
      open?.upload.windowUpdated(bytes);
    } catch (error) {
      refuse(open!, error);
    }
  }

  #write(frames: Uint8Array | DataFrames): void {
    if (this.isOver) return;
    try {
      this.#outbox.add(frames);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** Takes no new streams; those that are open go on. */
  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#options.onChange();
  }

  /** The last stream of a connection that takes no more has ended. */
  #endRetired(): void {
    this.#end(ErrorCode.NO_ERROR, () => {}, null);
    this.#options.onEnded();
  }

  /** The peer breaks the protocol or asks too much: it gets a GOAWAY, and the connection ends. */
  #fault(error: unknown): void {
    if (this.isOver) return;
    const fault = error instanceof ConnectionFault
      ? error
      : new ConnectionFault(ErrorCode.INTERNAL_ERROR, error instanceof Error ? error.message : String(error));
    this.#end(fault.errorCode, (stream) => stream.fail(brokenError(fault)), null);
    this.#options.onEnded();
  }

  #end(errorCode: number | null, endStream: (stream: Http2Stream) => void, reason: unknown): void {
    const streams = [...this.#streams.values()];
    // What is still on its way out goes ahead of the farewell.
    this.#outbox.flush();
    this.isOver = true;
    if (reason !== null) this.#held.giveUpAll(reason);
    this.#probe.end();
    this.#greeting.end();
    this.#outbox.close();
    for (const stream of streams) endStream(stream);
    this.#waiting.wake();
    if (errorCode !== null) void this.#wire.write(goAwayFrame(errorCode));
    this.#wire.keepsProcessAlive(false);
    this.#wire.destroy();
  }
}

/** A stream that breaks the rules ends, and none but that; what else is wrong concerns the connection. */
function refuse(stream: Http2Stream, error: unknown): void {
  if (!(error instanceof StreamFault)) throw error;
  stream.refuse(error);
}
