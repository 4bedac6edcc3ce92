/**
 * `soup_session_send_message` on a session that blocks: the message is sent by a session in a worker thread, with the
 * same code, while the caller's thread waits.
 *
 * Features stay on the caller's thread: each round of their hooks is run between two waits. Events are told once the
 * call has returned, as no listener can be heard while the thread is blocked.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from "node:worker_threads";
import { inflateRawSync } from "node:zlib";
import type { Connection } from "../transports/connection.ts";
import { NotSupportedError, TransportError } from "../errors.ts";
import type { HttpMessage } from "../message/message.ts";
import { ItemState } from "../queue/queue_item.ts";
import type { SessionCore } from "../queue/engine.ts";
import { HttpStatus } from "../protocol/status.ts";
import {
  type FromWorker,
  type PlainError,
  revivedError,
  type SendRequest,
  SyncWord,
  type ToWorker,
} from "./sync_protocol.ts";
import { packed, unpacked } from "./sync_bytes.ts";
import { startSyncWorker } from "./sync_bootstrap.ts";
import { SyncHooks } from "./sync_hooks.ts";
import { SyncReplay } from "./sync_replay.ts";
import { settingsKeyOf, settingsOf } from "./sync_settings.ts";
import { syncProgram } from "./sync_program.ts";
import { bareHost, defaultPort } from "../protocol/uri.ts";

/** Milliseconds between two looks at whether the worker is alive. */
const LOOK_INTERVAL = 5000;
/** Looks without a sign of life after which the worker counts as lost. */
const LOOKS_WITHOUT_LIFE = 4;

/**
 * The address of the worker's module. Beside this one, under the same extension, where this one is a file: sources have
 * another extension than packages. In a bundle this module's address is the program's own, which must not run a second
 * time: there the module comes out of the bundle itself.
 */
function moduleAddress(): string {
  const own = String(import.meta.url);
  const beside = own.replace(/\/sync\/sync_send(\.[cm]?[jt]s)$/, "/sync_worker$1");
  if (beside !== own) return beside;
  const program = inflateRawSync(Buffer.from(syncProgram, "base64"));
  return `data:text/javascript;base64,${program.toString("base64")}`;
}

const senders = new WeakMap<SessionCore, SyncSender>();

/**
 * Sends a message and blocks until it is done. Returns its status.
 *
 * @throws TypeError when the message is on a queue, has a stream for a body, or no connection can become free
 * @throws NotSupportedError when the session has something that cannot go to a worker
 */
export function sendSync(core: SessionCore, msg: HttpMessage): number {
  let sender = senders.get(core);
  if (sender === undefined) senders.set(core, sender = new SyncSender(core));
  return sender.send(msg);
}

/** Ends the worker of a session, if it ever had one. */
export async function closeSync(core: SessionCore): Promise<void> {
  const sender = senders.get(core);
  senders.delete(core);
  await sender?.close();
}

/** The worker of one session. */
class SyncSender {
  readonly #core: SessionCore;
  readonly #shared = new Int32Array(new SharedArrayBuffer(4 * Object.keys(SyncWord).length));
  #worker: Worker | null = null;
  #port: MessagePort | null = null;
  #key: readonly unknown[] = [];
  #version = 0;
  #isSending = false;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  send(msg: HttpMessage): number {
    if (this.#isSending) throw new TypeError("Cannot send synchronously: another message is being sent");
    const { requestBody } = msg;
    if (requestBody !== null && !(requestBody instanceof Uint8Array)) {
      throw new TypeError(
        "Cannot send synchronously: the body is a stream, which nobody can fill while the thread waits",
      );
    }
    this.#makeRoom(msg);
    this.#dropDeadWorker();
    const request = this.#requestOf(msg, requestBody);
    const replay = new SyncReplay(this.#core.session, msg);
    this.#isSending = true;
    try {
      return this.#exchange(msg, request, replay);
    } finally {
      this.#isSending = false;
      replay.start(() => this.#post({ kind: "close-idle" }));
    }
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#port?.close();
    this.#worker = this.#port = null;
    await worker?.terminate();
  }

  #exchange(msg: HttpMessage, request: Omit<SendRequest, "snapshot">, replay: SyncReplay): number {
    const hooks = new SyncHooks(this.#core, msg);
    replay.session("request-queued", null);
    try {
      this.#post({ ...request, snapshot: hooks.begin() });
      for (;;) {
        const message = this.#next();
        if (message.kind === "hook") this.#post(hooks.run(message));
        else if (message.kind === "event") replay.event(message);
        else if (message.kind === "session-event") replay.session(message.type, hooks.connectionOf(message.connection));
        else if (message.kind === "broken") throw this.#refusal(message.error);
        else {
          hooks.end(message);
          replay.session("request-unqueued", null);
          return msg.statusCode;
        }
        if (hooks.item.state === ItemState.FINISHED && this.#core.isClosed) return msg.statusCode;
      }
    } catch (error) {
      // What the worker was about to say belongs to no other message.
      void this.close();
      if (hooks.item.state !== ItemState.FINISHED) hooks.abandon(error);
      throw error;
    }
  }

  /** The worker's connection counts: idle ones here make room for it, and when all are busy none ever becomes free. */
  #makeRoom(msg: HttpMessage): void {
    const { items, limits, pool, session } = this.#core;
    const scheme = session.schemeOf(msg.uri);
    const host = bareHost(msg.uri.hostname).toLowerCase();
    const port = msg.uri.port === "" ? defaultPort(scheme ?? "http") : Number(msg.uri.port);
    // A response that was handed out is read by nobody while the thread waits: who holds it must not be waited for.
    const held = new Set<Connection | null>();
    for (const item of items.byAge()) if (item.isHandedOut) held.add(item.connection);
    const isFull = () => {
      const counted = [...pool.connections].filter((connection) => !held.has(connection));
      const toHost = counted.filter(({ target }) =>
        target.scheme === scheme && target.host === host && target.port === port
      );
      return counted.length >= limits.maxConns || toHost.length >= limits.maxConnsPerHost;
    };
    if (!isFull()) return;
    pool.closeIdle();
    if (isFull()) {
      throw new TypeError(
        "Cannot send synchronously: all connections are busy, and none gets free while the thread waits",
      );
    }
  }

  #requestOf(msg: HttpMessage, body: Uint8Array<ArrayBuffer> | null): Omit<SendRequest, "snapshot"> {
    const key = settingsKeyOf(this.#core, msg);
    if (key.length !== this.#key.length || key.some((value, index) => value !== this.#key[index])) this.#version++;
    this.#key = key;
    return {
      kind: "send",
      settings: settingsOf(this.#core, msg, this.#version),
      body,
      priority: msg.priority,
      timeout: msg.timeout,
      omitsCredentials: msg.omitsCredentials,
      requires: msg.requires,
      listened: SyncReplay.listenedOf(msg),
    };
  }

  #post(message: ToWorker): void {
    if (message.kind === "close-idle" && this.#port === null) return;
    (this.#port ?? this.#start()).postMessage(packed(message));
    if (message.kind !== "reply") return;
    Atomics.add(this.#shared, SyncWord.REPLY, 1);
    Atomics.notify(this.#shared, SyncWord.REPLY);
  }

  #start(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    SyncHooks.forgetConnections(this.#core);
    const worker = this.#worker = startSyncWorker(port2, this.#shared, moduleAddress());
    // Nobody is there to hear of it while the thread waits; the next send finds out.
    worker.on("error", () => this.#forget(worker)).on("exit", () => this.#forget(worker));
    worker.unref();
    port1.unref();
    return this.#port = port1;
  }

  #forget(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#port?.close();
    this.#worker = this.#port = null;
  }

  /** Blocks until the worker says something. */
  #next(): FromWorker {
    let beat = Atomics.load(this.#shared, SyncWord.BEAT);
    for (let looks = 0;;) {
      const seen = Atomics.load(this.#shared, SyncWord.WAKE);
      const received = receiveMessageOnPort(this.#port!);
      if (received !== undefined) return unpacked(received.message) as FromWorker;
      if (Atomics.wait(this.#shared, SyncWord.WAKE, seen, LOOK_INTERVAL) !== "timed-out") continue;
      const now = Atomics.load(this.#shared, SyncWord.BEAT);
      looks = now === beat ? looks + 1 : 0;
      beat = now;
      if (looks >= LOOKS_WITHOUT_LIFE) return this.#lost();
    }
  }

  /** All that a worker says unasked is why it has died: another one takes its place. */
  #dropDeadWorker(): void {
    if (this.#port !== null && receiveMessageOnPort(this.#port) !== undefined) void this.close();
  }

  #lost(): never {
    throw new TransportError(HttpStatus.IO_ERROR, "response", "Cannot send synchronously: the worker has died", {
      code: "ERR_WORKER_DIED",
    });
  }

  /** The library could not be loaded in the worker, or could not make its session. */
  #refusal(error: PlainError): Error {
    if (
      !/NotCapable|PermissionDenied|Requires read access|MODULE_NOT_FOUND|Cannot find module|Module not found/.test(
        `${error.name} ${error.message}`,
      )
    ) {
      const revived = revivedError(error);
      return error.name === "NotSupportedError" || error.name === "TypeError"
        ? new TypeError(error.message, { cause: revived })
        : revived;
    }
    return new NotSupportedError(
      "send synchronously",
      this.#core.transports.capabilities.runtime,
      `the worker cannot load this library: ${error.message}`,
    );
  }
}
