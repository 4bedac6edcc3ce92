/**
 * `soup_session_send_message` on a session that blocks: the message is sent by a session in a worker thread, with the
 * same code, while the caller's thread waits.
 *
 * Features stay on the caller's thread: each round of their hooks is run between two waits. Events are dispatched once
 * the call has returned, as their listeners may not run in the middle of it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { MessagePort, Worker } from "node:worker_threads";
import { builtin } from "../../internal/builtin_modules.ts";
import type { TlsSettings } from "../transports/transport.ts";
import type { Connection } from "../transports/connection.ts";
import { NotSupportedError, TransportError } from "../errors.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
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
import { ownOf, settingsKeyOf, settingsOf, tlsOf } from "./sync_settings.ts";
import { CallerTls, wayOf } from "./sync_caller.ts";
import { syncProgram } from "./sync_program.ts";
import { bareHost, defaultPort } from "../protocol/uri.ts";

/** Milliseconds between two checks whether the worker is alive. */
const CHECK_INTERVAL = 5000;
/** Checks without a heartbeat after which the worker counts as lost. */
const MAX_MISSED = 4;

/**
 * The address of the worker's module. Beside this one, under the same extension, where this one is a file: sources have
 * another extension than packages. In a bundle this module's address is the program's own, which must not run a second
 * time: there the module comes out of the bundle itself.
 */
function moduleAddress(): string {
  const own = String(import.meta.url);
  const beside = own.replace(/\/sync\/sync_send(\.[cm]?[jt]s)$/, "/sync_worker$1");
  if (beside !== own) return beside;
  const program = builtin.zlib.brotliDecompressSync(Buffer.from(syncProgram, "base64"));
  return `data:text/javascript;base64,${program.toString("base64")}`;
}

const senders = new WeakMap<HttpSessionCore, SyncSender>();

/**
 * Sends a message and blocks until it is done. Returns its status.
 *
 * @throws {TypeError} If the message is on a queue, has a stream for a body, or no connection can become free.
 * @throws {NotSupportedError} If the session has something that cannot go to a worker.
 */
export function sendSync(core: HttpSessionCore, msg: HttpMessage): number {
  let sender = senders.get(core);
  if (sender === undefined) senders.set(core, sender = new SyncSender(core));
  return sender.send(msg);
}

/** Ends the worker of a session, if it ever had one. */
export async function closeSync(core: HttpSessionCore): Promise<void> {
  const sender = senders.get(core);
  senders.delete(core);
  await sender?.close();
}

/** A worker and what reaches it. */
interface WorkerLink {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly shared: Int32Array;
  /** The TLS of its connections that is made on this thread. */
  readonly tls: CallerTls;
}

/** Lets a worker look at what is there for it. */
function wake(shared: Int32Array): void {
  Atomics.add(shared, SyncWord.REPLY, 1);
  Atomics.notify(shared, SyncWord.REPLY);
}

/** Ends a worker; one that waits for an answer could not be ended otherwise. */
async function end({ port, shared, tls, worker }: WorkerLink): Promise<void> {
  tls.close();
  Atomics.store(shared, SyncWord.END, 1);
  wake(shared);
  port.close();
  await worker.terminate();
}

/** Ends the workers of sessions that are gone without having been closed. */
const unwatched = new FinalizationRegistry<WorkerLink>((link) => void end(link));

/** The sender of one session, with its worker. */
class SyncSender {
  readonly #core: HttpSessionCore;
  #link: WorkerLink | null = null;
  #key: readonly unknown[] = [];
  #version = 0;
  #isSending = false;

  constructor(core: HttpSessionCore) {
    this.#core = core;
  }

  send(msg: HttpMessage): number {
    if (this.#isSending) {
      throw new TypeError("Cannot send synchronously: the session waits for another message, whose hook has called");
    }
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
    const link = this.#link;
    this.#link = null;
    if (link === null) return;
    unwatched.unregister(this);
    await end(link);
  }

  #exchange(msg: HttpMessage, request: Omit<SendRequest, "snapshot">, replay: SyncReplay): number {
    const hooks = new SyncHooks(this.#core, msg);
    replay.session("request-queued", null);
    try {
      const snapshot = hooks.begin();
      if (!hooks.isOver) {
        this.#post({ ...request, snapshot });
        if (this.#serve(hooks, replay, tlsOf(this.#core, msg))) return msg.statusCode;
      }
      // A hook has ended the message, and the worker will not report it: it never began, or was ended with the session.
      replay.end();
      return msg.statusCode;
    } catch (error) {
      // What the worker was about to send is about this message, and must not be taken for another one's.
      void this.close();
      if (!hooks.isOver) hooks.abandon(error);
      replay.end();
      throw error;
    }
  }

  /** Answers the worker until the message is done; false when a hook has closed the session meanwhile. */
  #serve(hooks: SyncHooks, replay: SyncReplay, tls: TlsSettings): boolean {
    for (;;) {
      const message = this.#next();
      if (message.kind === "hook") {
        const reply = hooks.run(message);
        if (this.#core.isClosed) return false;
        this.#post(reply);
      } else if (message.kind === "tls") this.#post(this.#link!.tls.answer(message, tls));
      else if (message.kind === "way") this.#post(wayOf(this.#core, message));
      else if (message.kind === "event") replay.event(message);
      else if (message.kind === "session-event") replay.session(message.type, hooks.connectionOf(message.connection));
      else if (message.kind === "broken") throw this.#refusal(message.error);
      else {
        hooks.end(message);
        replay.session("request-unqueued", null);
        return true;
      }
    }
  }

  /** The worker's connection counts: idle ones here make room for it, and when all are busy none ever becomes free. */
  #makeRoom(msg: HttpMessage): void {
    const { items, limits, pool, session } = this.#core;
    if (pool === null) return;
    const scheme = session.schemeOf(msg.uri);
    const host = bareHost(msg.uri.hostname).toLowerCase();
    const port = msg.uri.port === "" ? defaultPort(scheme ?? "http") : Number(msg.uri.port);
    // A response that was handed out is read by nobody while the thread waits, nor is a stream that speaks another
    // protocol: who holds them must not be waited for.
    const sending = new Set<Connection | null>();
    for (const item of items.byAge()) if (!item.isHandedOut) sending.add(item.connection);
    const isFull = () => {
      const counted = [...pool.connections].filter((connection) =>
        pool.counts(connection) && (connection.state === "idle" || sending.has(connection))
      );
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
      own: ownOf(this.#core, msg),
      spelling: messageState(msg).spelling,
      requires: msg.requires,
      listened: SyncReplay.listenedOf(msg),
    };
  }

  #post(message: ToWorker): void {
    if (message.kind === "close-idle" && this.#link === null) return;
    const { port, shared } = this.#link ?? this.#start();
    port.postMessage(packed(message));
    if (message.kind !== "send" && message.kind !== "close-idle") wake(shared);
  }

  #start(): WorkerLink {
    const { port1: port, port2 } = new builtin.workerThreads.MessageChannel();
    const shared = new Int32Array(new SharedArrayBuffer(4 * Object.keys(SyncWord).length));
    SyncHooks.forgetConnections(this.#core);
    const worker = startSyncWorker(port2, shared, moduleAddress());
    const link = this.#link = { port, shared, tls: new CallerTls(), worker };
    // These listeners cannot run while the thread waits; the next send notices. What they reference must not include
    // the session: once that is collected, its worker ends too.
    const sender = new WeakRef(this);
    const forget = (): void => {
      const held = sender.deref();
      if (held !== undefined) held.#forget(link);
    };
    worker.on("error", forget).on("exit", forget);
    worker.unref();
    port.unref();
    unwatched.register(this, link, this);
    return link;
  }

  #forget(link: WorkerLink): void {
    if (this.#link !== link) return;
    link.port.close();
    link.tls.close();
    this.#link = null;
  }

  /** Blocks until the worker has sent something. */
  #next(): FromWorker {
    const { port, shared } = this.#link!;
    let heartbeat = Atomics.load(shared, SyncWord.HEARTBEAT);
    for (let missed = 0;;) {
      const seen = Atomics.load(shared, SyncWord.WAKE);
      const received = builtin.workerThreads.receiveMessageOnPort(port);
      if (received !== undefined) return unpacked(received.message) as FromWorker;
      if (Atomics.wait(shared, SyncWord.WAKE, seen, CHECK_INTERVAL) !== "timed-out") continue;
      const now = Atomics.load(shared, SyncWord.HEARTBEAT);
      missed = now === heartbeat ? missed + 1 : 0;
      heartbeat = now;
      if (missed >= MAX_MISSED) return this.#lost();
    }
  }

  /** A worker that was not asked sends only why it has died: another one is started. */
  #dropDeadWorker(): void {
    if (this.#link !== null && builtin.workerThreads.receiveMessageOnPort(this.#link.port) !== undefined) {
      void this.close();
    }
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
      `the worker cannot load this library: ${readable(error.message)}`,
    );
  }
}

/** A runtime that keeps files from a program names one of this library's; it needs all of them. */
function readable(message: string): string {
  const own = String(import.meta.url); // None in a bundle in CommonJS.
  if (!message.includes("Requires read access") || !own.startsWith("file:")) return message;
  const files = new URL("../../", own);
  const folder = decodeURIComponent(files.pathname).replace(/(.)\/$/, "$1").replace(/^\/(?=[A-Za-z]:)/, "");
  return `it reads the files in ${folder}, which wants --allow-read=${folder} (${message})`;
}
