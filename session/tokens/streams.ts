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
  const { signal } = call;
  signal?.throwIfAborted();
  const cipher = make();
  let aborted: Abortable;
  const finish = async () => {
    if (signal) stopListening(signal, aborted);
    await cipher.close();
  };
  const step = async (
    controller: TransformStreamDefaultController<Uint8Array<ArrayBuffer>>,
    output: Promise<Uint8Array<ArrayBuffer>>,
  ) => {
    try {
      const bytes = await output;
      if (bytes.length > 0) controller.enqueue(bytes);
    } catch (error) {
      await finish();
      throw error;
    }
  };
  const transformer: Transformer<BytesInput, Uint8Array<ArrayBuffer>> & { cancel(): Promise<void> } = {
    start(controller) {
      aborted = {
        abort(reason) {
          controller.error(reason);
          finish().catch(reportUncaught);
        },
      };
      try {
        if (signal) listen(signal, aborted);
      } catch (error) {
        finish().catch(reportUncaught);
        throw error;
      }
    },
    transform: (chunk, controller) => step(controller, cipher.update(chunk, call)),
    async flush(controller) {
      await step(controller, cipher.final(call));
      await finish();
    },
    cancel: finish,
  };
  return new TransformStream(transformer);
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
