/**
 * The library that reads and writes frames (npm's ws), as far as it is used here: its parts without its sockets.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Duplex, Writable } from "node:stream";
import { NotSupportedError } from "../errors.ts";
import { runtimeName } from "../../internal/runtime.ts";

/** The extension "permessage-deflate" of one connection (RFC 7692). */
export interface PerMessageDeflate {
  /** What is offered. */
  offer(): object;
  /** Takes what the server has agreed to; throws for what was not offered. */
  accept(parameters: readonly object[]): object;
  /** Decompresses a frame's payload. */
  decompress(data: Buffer, isLast: boolean, done: (error: Error | null | undefined, bytes?: Buffer) => void): void;
  /** Frees what it holds. */
  cleanup(): void;
}

/** The agreed extensions by name. */
export type Extensions = Readonly<Record<string, PerMessageDeflate>>;

/** Writes frames. */
export interface FrameSender {
  /** Called when a Blob cannot be read. */
  onerror: (error: Error) => void;
  /** Sends a message; `written` is called once it is through. */
  send(
    data: string | Buffer | Blob,
    options: { binary: boolean; compress: boolean; fin: true; mask: true },
    written: (error?: Error | null) => void,
  ): void;
  /** Sends a close frame. */
  close(code: number | undefined, reason: string | Buffer, mask: true, written: (error?: Error | null) => void): void;
  /** Sends a ping. */
  ping(data: Buffer, mask: true): void;
  /** Sends a pong. */
  pong(data: Buffer, mask: true): void;
}

/** What a reader of frames is told. */
export interface ReceiverOptions {
  readonly isServer: false;
  /** Whether messages that came together may be told of in one turn of the event loop. */
  readonly allowSynchronousEvents: boolean;
  readonly extensions: Extensions;
  /** Largest message in bytes. */
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
}

/** The library. */
export interface Framing {
  /** Reads frames; emits "message", "ping", "pong", "conclude" and "error". */
  readonly Receiver: new (options: ReceiverOptions) => Writable;
  readonly Sender: new (stream: Duplex, extensions: Extensions) => FrameSender;
  readonly PerMessageDeflate: new (options: { isServer: false; maxPayload: number }) => PerMessageDeflate;
  /** Reads and writes Sec-WebSocket-Extensions. */
  readonly extension: {
    format(extensions: Readonly<Record<string, object>>): string;
    parse(field: string): Record<string, object[]>;
  };
}

/**
 * Loads it when the first WebSocket is opened.
 *
 * @throws {NotSupportedError} Where another module of the runtime's own has taken its place.
 */
export async function loadFraming(): Promise<Framing> {
  // Under a name of ours: Bun puts a "ws" of its own in place of npm's, without the parts that are needed.
  // @ts-ignore: It has no types of its own.
  const library = await import("@gp11/ws") as unknown as Framing;
  if (typeof library.PerMessageDeflate === "function") return library;
  const why =
    "its own \"ws\" is installed in place of npm's; depend on npm:@gp11/gp11, which brings npm's under another name";
  throw new NotSupportedError("open a WebSocket", runtimeName(), why);
}
