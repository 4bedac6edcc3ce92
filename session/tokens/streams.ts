/** Data that comes piece by piece, through operations in parts. */
import { endStream, heedErrors } from "../../internal/byte_duplex.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { type Abortable, listen, stopListening } from "../../ffi/engine/aborts.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { type BytesInput, isBytesInput } from "../../ffi/memory/inputs.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { SessionCore } from "../core/session_core.ts";
import { SessionClosedError } from "../errors.ts";
import type { DataInput } from "./options.ts";
import type { Decryptor, Encryptor } from "./parts_async.ts";

/**
 * A transform stream through a cipher, which is made once the options are known to be right; ending the stream early frees
 * the session.
 */
export function cipherStream(
  make: () => Encryptor | Decryptor,
  options: CallOptions = {},
): TransformStream<BytesInput, Uint8Array<ArrayBuffer>> {
  const call = checkOptions(options);
  call.signal?.throwIfAborted();
  const stream = new CipherStream(make(), call);
  stream.begin();
  return asTransformStream(stream);
}

/**
 * Both sides as those of one of the standard's class, for who asks for its kind. Its own lead nowhere: they are locked, so
 * that it is not transferred with them.
 */
function asTransformStream({ readable, writable }: CipherStream): TransformStream<BytesInput, Uint8Array<ArrayBuffer>> {
  const stream = new TransformStream<BytesInput, Uint8Array<ArrayBuffer>>();
  stream.readable.getReader();
  stream.writable.getWriter();
  return Object.defineProperties(stream, {
    readable: { value: readable, enumerable: true },
    writable: { value: writable, enumerable: true },
  });
}

/**
 * Both sides of such a stream. The standard's TransformStream does not take an error from outside while its writable side
 * is being aborted: the abort would never end, or fail with the runtime's own words.
 */
class CipherStream implements Abortable {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<BytesInput>;
  readonly #cipher: Encryptor | Decryptor;
  readonly #call: CallOptions;
  #output!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #input!: WritableStreamDefaultController;
  /** Settled once somebody reads: what was written waits until then. */
  #wanted = demand();
  /** Why there will be nothing more. */
  #over: { readonly reason: unknown } | null = null;

  constructor(cipher: Encryptor | Decryptor, call: CallOptions) {
    this.#cipher = cipher;
    this.#call = call;
    this.readable = new ReadableStream({
      start: (controller) => void (this.#output = controller),
      pull: () => this.#wanted.resolve(),
      cancel: (reason) => {
        this.#input.error(reason);
        return this.#finish(reason);
      },
    }, { highWaterMark: 0 });
    this.writable = new WritableStream({
      start: (controller) => {
        this.#input = controller;
        // An abort waits for the write that is under way, and that for a reader who need not come.
        controller.signal.addEventListener("abort", () => this.#wanted.reject(controller.signal.reason), {
          once: true,
        });
      },
      write: (chunk) => this.#step(() => this.#cipher.update(chunk, call), this.#wanted.promise),
      close: async () => {
        await this.#step(() => this.#cipher.final(call));
        await this.#finish(undefined);
        this.#output.close();
      },
      abort: (reason) => {
        this.#output.error(reason);
        return this.#finish(reason);
      },
    });
  }

  /** Listens to the signal of the call. */
  begin(): void {
    try {
      if (this.#call.signal) listen(this.#call.signal, this);
    } catch (error) {
      this.#finish(error).catch(reportUncaught);
      throw error;
    }
  }

  /** The signal was aborted: both sides end at once. */
  abort(reason: unknown): void {
    this.#output.error(reason);
    this.#input.error(reason);
    this.#finish(reason).catch(reportUncaught);
  }

  async #step(output: () => Promise<Uint8Array<ArrayBuffer>>, wanted?: Promise<void>): Promise<void> {
    try {
      await wanted;
      this.#assertGoingOn();
      const bytes = await output();
      this.#assertGoingOn();
      if (bytes.length === 0) return;
      this.#wanted = demand();
      this.#output.enqueue(bytes);
    } catch (error) {
      this.#output.error(error);
      await this.#finish(error);
      throw error;
    }
  }

  #assertGoingOn(): void {
    if (this.#over !== null) throw this.#over.reason;
  }

  async #finish(reason: unknown): Promise<void> {
    this.#over ??= { reason };
    this.#wanted.reject(reason);
    if (this.#call.signal) stopListening(this.#call.signal, this);
    await this.#cipher.close();
  }
}

/** A promise that somebody reads, which nobody need wait for. */
function demand(): PromiseWithResolvers<void> {
  const wanted = Promise.withResolvers<void>();
  wanted.promise.catch(() => {});
  return wanted;
}

/**
 * Whether data comes piece by piece. It is told by what it can do: each runtime, realm and library has classes of its own.
 * From here on a stream of Node is listened to.
 */
export function isPiecemeal(data: DataInput): data is Exclude<DataInput, BytesInput> {
  if (typeof data !== "object" || data === null || isBytesInput(data)) return false;
  heedErrors(data);
  return isReadable(data) || isIterable(data) || isBlob(data);
}

function isReadable(data: object): data is ReadableStream<Uint8Array> {
  return typeof (data as Partial<ReadableStream>).getReader === "function";
}

function isIterable(data: object): data is AsyncIterable<BytesInput> {
  return typeof (data as Partial<AsyncIterable<BytesInput>>)[Symbol.asyncIterator] === "function";
}

function isBlob(data: object): data is Blob {
  const { stream, arrayBuffer } = data as Partial<Blob>;
  return typeof stream === "function" && typeof arrayBuffer === "function";
}

/** Where pieces come from. */
interface Source {
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: BytesInput | undefined }>;
  /** No more are wanted. */
  cancel(reason: unknown): Promise<unknown>;
  /** Whoever gave the source has it to himself again. */
  release(): void;
}

function sourceOf(data: Exclude<DataInput, BytesInput>): Source {
  if (isReadable(data)) {
    const reader = data.getReader();
    return {
      next: () => reader.read(),
      cancel: (reason) => reader.cancel(reason),
      release: () => reader.releaseLock(),
    };
  }
  if (isBlob(data)) return sourceOf(data.stream());
  const iterator = data[Symbol.asyncIterator]();
  return {
    next: async () => await iterator.next(),
    cancel: async () => {
      endStream(data);
      return await iterator.return?.();
    },
    release() {},
  };
}

/** An operation in parts, as what is fed to it needs it. */
interface Parts {
  update(chunk: BytesInput, options?: CallOptions): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * What an operation in parts gives at its end, after all the data; it is ended whatever happens.
 *
 * @throws {TypeError} when the options are none; nothing of the data has been touched then
 */
export async function fed<P extends Parts, T>(
  core: SessionCore,
  parts: P,
  data: Exclude<DataInput, BytesInput>,
  options: CallOptions | undefined,
  end: (parts: P, options: CallOptions) => Promise<T>,
): Promise<T> {
  try {
    const call = checkOptions(options ?? {});
    await feed(core, parts, data, call);
    return await end(parts, call);
  } finally {
    await parts.close();
  }
}

/**
 * Feeds data to an operation in parts; when its source fails, the operation is ended. Aborted, it rejects at once, whether
 * it waits for the module or for the source; when the session is closed, a source that gives nothing is not waited for.
 */
async function feed(
  core: SessionCore,
  parts: Parts,
  data: Exclude<DataInput, BytesInput>,
  options: CallOptions,
): Promise<void> {
  const { signal, abort } = options;
  const source = sourceOf(data);
  const reading = new EndingRead(source, signal, core);
  try {
    reading.begin();
    for (;;) {
      const { done, value } = await reading.next();
      if (done) return;
      await parts.update(value!, options);
    }
  } catch (error) {
    // What the source makes of it is its own affair, and may take for ever; so may the call that was aborted.
    source.cancel(error).catch(() => {});
    const closing = parts.close();
    if (signal?.aborted && abort !== "wait") closing.catch(reportUncaught);
    // The first error is the one to tell.
    else await closing.catch(() => {});
    throw error;
  } finally {
    reading.stop();
    source.release();
  }
}

/** Reads that end when a signal aborts or the session is closed. */
class EndingRead implements Abortable {
  readonly #source: Source;
  readonly #signal: AbortSignal | null | undefined;
  readonly #core: SessionCore;
  #heardAll: (() => void) | null = null;
  #reject: ((reason: unknown) => void) | null = null;

  constructor(source: Source, signal: AbortSignal | null | undefined, core: SessionCore) {
    this.#source = source;
    this.#signal = signal;
    this.#core = core;
  }

  /** Listens to both, until {@linkcode EndingRead.stop}. */
  begin(): void {
    if (this.#signal) listen(this.#signal, this);
    this.#heardAll = this.#core.onClose(() => this.#reject?.(new SessionClosedError("take a part")));
  }

  /** The signal was aborted. */
  abort(reason: unknown): void {
    this.#reject?.(reason);
  }

  next(): ReturnType<Source["next"]> {
    return new Promise((resolve, reject) => {
      this.#signal?.throwIfAborted();
      this.#core.assertOpen("take a part");
      this.#reject = reject;
      this.#source.next().then(resolve, reject);
    });
  }

  stop(): void {
    if (this.#signal) stopListening(this.#signal, this);
    this.#heardAll?.();
  }
}
