/**
 * The worker's side of synchronous sends: an ordinary session whose features live on the caller's thread.
 *
 * @module
 */
import { joinBytes } from "../internal/bytes.ts";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Connection } from "./transports/connection.ts";
import { ContentDecoder } from "./features/content_decoder.ts";
import { BodyStage, type SessionFeature } from "./contract/feature.ts";
import { HttpMessage, type MessageEventName, messageState } from "./message/message.ts";
import { HttpSession } from "./session/session.ts";
import { packed, unpacked } from "./sync/sync_bytes.ts";
import {
  applySnapshot,
  type EventDetail,
  type FromWorker,
  type HookReply,
  type PlainClient,
  type PlainConnection,
  plainError,
  type PlainOwn,
  plainProxy,
  type PlainResponse,
  type PlainRoots,
  type PlainSettings,
  type RemoteHook,
  revivedError,
  type SendRequest,
  snapshotOf,
  SyncWord,
  type TlsReply,
  type ToWorker,
  type WayCall,
  type WayReply,
} from "./sync/sync_protocol.ts";
import { WorkerTls, WorkerTlsCalls } from "./sync/sync_tls_worker.ts";
import type { ClientCertificateOption } from "./transports/client_tls.ts";
import { TlsDatabase } from "./transports/tls_database.ts";
import type { ProxyTarget, TransportResponse } from "./transports/transport.ts";
import { ContentSniffer } from "./features/sniffing/content_sniffer.ts";
import { Timeouts } from "./features/timeouts.ts";

const HEARTBEAT_INTERVAL = 1000;

/** Serves the sends of one session until its worker is terminated. */
export function serveSync(port: MessagePort, shared: Int32Array): void {
  const post = (message: FromWorker): void => {
    port.postMessage(packed(message));
    Atomics.add(shared, SyncWord.WAKE, 1);
    Atomics.notify(shared, SyncWord.WAKE);
  };
  // The caller answers at once, and this thread has nothing else to do: blocking is faster than its event loop.
  const ask = <T extends ToWorker>(message: FromWorker): T => {
    post(message);
    for (;;) {
      const seen = Atomics.load(shared, SyncWord.REPLY);
      const received = receiveMessageOnPort(port);
      if (received !== undefined) return unpacked(received.message) as T;
      if (Atomics.load(shared, SyncWord.END) !== 0) throw new Error("Cannot ask the features: the session is closed");
      Atomics.wait(shared, SyncWord.REPLY, seen);
    }
  };
  const server = new SyncServer(post, ask, () => Atomics.add(shared, SyncWord.HEARTBEAT, 1));
  port.on("message", (message: unknown) => server.receive(unpacked(message) as ToWorker));
}

/** Asks the caller's thread, which waits for the message that is being sent. */
type Ask = <T extends ToWorker = HookReply>(message: FromWorker) => T;

class SyncServer {
  readonly #post: (message: FromWorker) => void;
  readonly #askCaller: Ask;
  readonly #heartbeat: () => void;
  #session: HttpSession | null = null;
  #version = -1;
  /** Those that hooks have got, by number. */
  readonly #connections = new Map<number, Connection>();
  #excluded: ReadonlySet<number> = new Set();
  /** Connections whose TLS the caller's thread makes. */
  readonly #tlsCalls = new WorkerTlsCalls();
  /** Those who make it there, by their numbers. */
  readonly #tls = new Map<number, WorkerTls>();

  constructor(post: (message: FromWorker) => void, ask: Ask, heartbeat: () => void) {
    this.#post = post;
    this.#askCaller = ask;
    this.#heartbeat = heartbeat;
  }

  receive(message: ToWorker): void {
    if (message.kind === "send") void this.#send(message);
    else if (message.kind === "close-idle") this.#session?.abort();
  }

  async #send(request: SendRequest): Promise<void> {
    const heartbeats = setInterval(this.#heartbeat, HEARTBEAT_INTERVAL);
    this.#tlsCalls.ask = (call) => this.#askCaller<TlsReply>(call);
    try {
      const session = this.#sessionFor(request.settings);
      const msg = this.#messageOf(request);
      await session.sendMessage(msg);
      this.#tlsCalls.ask = null;
      this.#done(msg);
    } catch (error) {
      this.#tlsCalls.ask = null;
      this.#post({ kind: "broken", error: plainError(error) });
    } finally {
      clearInterval(heartbeats);
    }
  }

  #done(msg: HttpMessage): void {
    const { metrics } = msg;
    const since = (time: number) => time === 0 ? 0 : performance.timeOrigin + time;
    this.#post({
      kind: "done",
      snapshot: snapshotOf(msg),
      body: msg.responseBody,
      error: msg.error === null ? null : plainError(msg.error),
      metrics: {
        started: since(metrics.started),
        firstByte: since(metrics.firstByte),
        finished: since(metrics.finished),
        attempts: metrics.attempts,
        requestBodyBytes: metrics.requestBodyBytes,
        responseBodyBytes: metrics.responseBodyBytes,
        responseHeaderBytes: metrics.responseHeaderBytes,
      },
    });
  }

  #sessionFor(settings: PlainSettings): HttpSession {
    if (this.#session !== null && this.#version === settings.version) return this.#session;
    this.#session?.close();
    this.#version = settings.version;
    const { maxDecodedSize, sniffWait, timeouts, unixSocket } = settings;
    const features: SessionFeature[] = [];
    if (maxDecodedSize !== null) features.push(new ContentDecoder({ maxSize: maxDecodedSize }));
    if (sniffWait !== null) features.push(new ContentSniffer({ maxWait: sniffWait }));
    if (timeouts !== null) features.push(new Timeouts(timeouts));
    const session = this.#session = new HttpSession({
      ...settings.values,
      tlsDatabase: rootsOf(settings.roots),
      clientCertificate: this.#clientOf(settings.clientCertificate),
      unixSocket: unixSocket === "asked"
        ? (url) => this.#askWay({ url: url.href }).path
        : unixSocket === null
        ? null
        : unixSocket.path,
      lookup: settings.hasLookup ? (host) => this.#askWay({ host }).addresses : null,
      transport: settings.transport,
      defaultFeatures: false,
      features: [...features, this.#remoteFeature(settings)],
    });
    for (const type of ["request-started", "connection-created", "tunneling"] as const) {
      session.addEventListener(
        type,
        ({ connection }) =>
          this.#post({
            kind: "session-event",
            type,
            connection: connection === null ? null : plainConnection(connection),
          }),
      );
    }
    return session;
  }

  #messageOf(request: SendRequest): HttpMessage {
    const { snapshot } = request;
    const msg = new HttpMessage(snapshot.method, snapshot.uri, { body: request.body, priority: request.priority });
    applySnapshot(msg, { ...snapshot, statusCode: 0 });
    msg.timeout = request.timeout;
    msg.omitsCredentials = request.omitsCredentials;
    msg.requires = request.requires;
    messageState(msg).spelling = request.spelling;
    if (request.own !== null) this.#bringWay(msg, request.own);
    for (const type of request.listened as MessageEventName[]) {
      msg.addEventListener(
        type,
        (event: Event) => this.#post({ kind: "event", type, snapshot: snapshotOf(msg), detail: detailOf(event) }),
      );
    }
    return msg;
  }

  /** Brings what the message says of its own way onto the worker's. */
  #bringWay(msg: HttpMessage, { maxRedirects, proxy, timeouts, tls, unixSocket }: PlainOwn): void {
    Object.assign(msg, { maxRedirects, proxy, timeouts, unixSocket });
    if (tls === null) return;
    msg.tls = {
      sslStrict: tls.sslStrict,
      tlsDatabase: tls.roots === undefined ? undefined : rootsOf(tls.roots),
      clientCertificate: tls.client === undefined ? undefined : this.#clientOf(tls.client),
    };
  }

  /** One that depends on the origin is known for that of the message alone. */
  #clientOf(client: PlainClient | null): ClientCertificateOption {
    if (client === null) return null;
    const { certificate, origin: only } = client;
    const chosen = typeof certificate === "number" ? this.#tlsBy(certificate) : certificate;
    if (only === null) return chosen;
    return (origin) => {
      if (only === origin) return chosen;
      throw new TypeError(`Cannot choose the client certificate for ${origin} while the caller's thread is blocked`);
    };
  }

  #tlsBy(number: number): WorkerTls {
    let tls = this.#tls.get(number);
    if (tls === undefined) this.#tls.set(number, tls = new WorkerTls(this.#tlsCalls));
    return tls;
  }

  /** Asks the functions of the session, which live on the caller's thread. */
  #askWay(of: WayCall["of"]): WayReply {
    const reply = this.#askCaller<WayReply>({ kind: "way", of });
    if (reply.error !== null) throw revivedError(reply.error);
    return reply;
  }

  /** A feature with just the hooks somebody has on the caller's thread, where each round of them is run. */
  #remoteFeature(settings: PlainSettings): SessionFeature {
    const { requestDefaults, requestDefaultsOverTls } = settings;
    const feature: Record<string, unknown> = { requestDefaults, requestDefaultsOverTls };
    for (const hook of settings.hooks) {
      feature[hook] = hook === "resolveProxy"
        ? (_uri: URL, msg: HttpMessage) => proxyOf(this.#ask(this.#session!, hook, msg, null))
        : hook === "lookup"
        ? (session: HttpSession, msg: HttpMessage) => answerOf(this.#ask(session, hook, msg, null))
        : (session: HttpSession, msg: HttpMessage, connection?: Connection) =>
          void this.#ask(session, hook, msg, connection ?? null);
    }
    if (settings.hooks.includes("replaceResponse")) this.#addRecording(feature);
    return feature as SessionFeature;
  }

  /** Lets features of the caller's thread replace a response, or have its body as it comes over the wire. */
  #addRecording(feature: Record<string, unknown>): void {
    let chunks: Uint8Array[] | null = null;
    feature.bodyStage = BodyStage.WIRE;
    feature.replaceResponse = (session: HttpSession, msg: HttpMessage, response: TransportResponse) => {
      const { status, statusText, headers } = response;
      const received = { status, statusText, headers: [...headers], hasBody: response.body !== null };
      const reply = this.#ask(session, "replaceResponse", msg, null, { received });
      chunks = reply.wantsWireBody && reply.answer === undefined ? [] : null;
      return answerOf(reply);
    };
    feature.transformBody = () => {
      const kept = chunks;
      if (kept === null) return null;
      return (body: ReadableStream<Uint8Array<ArrayBuffer>>) =>
        body.pipeThrough(
          new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
            transform(chunk, controller) {
              kept.push(chunk.slice());
              controller.enqueue(chunk);
            },
          }),
        );
    };
    feature.gotBody = (session: HttpSession, msg: HttpMessage) => {
      const kept = chunks;
      chunks = null;
      this.#ask(session, "gotBody", msg, null, kept === null ? {} : { wireBody: joinBytes(kept) });
    };
  }

  /** The identities of connections are known on the caller's thread; here, only which connections may not be used. */
  #exclude(ids: readonly number[]): void {
    this.#excluded = new Set(ids);
    for (const [id, connection] of this.#connections) {
      if (connection.state === "closed") this.#connections.delete(id);
      else if (connection.identities === null && this.#excluded.has(id)) {
        connection.identify({ name: "", isForProxy: false, isOf: () => !this.#excluded.has(id) });
      }
    }
  }

  #ask(
    session: HttpSession,
    hook: RemoteHook,
    msg: HttpMessage,
    connection: Connection | null,
    extra: { received?: PlainResponse; wireBody?: Uint8Array } = {},
  ): HookReply {
    const { item } = messageState(msg);
    connection ??= item?.connection ?? null;
    const reply = this.#askCaller({
      kind: "hook",
      hook,
      snapshot: snapshotOf(msg),
      connection: connection === null ? null : plainConnection(connection),
      ...(hook === "gotBody" ? { body: msg.responseBody } : {}),
      ...extra,
    });
    if (connection !== null) this.#connections.set(connection.id, connection);
    this.#exclude(reply.excluded);
    if (reply.error !== null) throw revivedError(reply.error);
    if (reply.cancelled) {
      session.cancelMessage(msg, reply.snapshot.statusCode || 1);
      return reply;
    }
    applySnapshot(msg, reply.snapshot);
    if (item !== null) item.needsHttp1 = reply.needsHttp1;
    if (reply.body !== undefined) msg.requestBody = reply.body;
    if (reply.requeue !== null) session.requeueMessage(msg, reply.requeue);
    return reply;
  }
}

function rootsOf(roots: PlainRoots): TlsDatabase | null {
  return roots === null ? null : roots === "system" ? TlsDatabase.system : TlsDatabase.fromPem(roots);
}

/** A feature's own answer. */
function answerOf({ answer }: HookReply): Response | null {
  if (answer === undefined) return null;
  const { body, hasBody, headers, status, statusText } = answer;
  return new Response(hasBody ? body : null, { status, statusText, headers });
}

function plainConnection({ id, target, exact, protocol, uses }: Connection): PlainConnection {
  const { scheme, host, port, proxy } = target;
  return { id, scheme, host, port, proxy: proxy === null ? null : plainProxy(proxy), exact, protocol, uses };
}

function proxyOf({ proxy }: HookReply): ProxyTarget | null | undefined {
  return proxy ? { ...proxy, uri: new URL(proxy.uri) } : proxy;
}

function detailOf(event: Event): EventDetail {
  const { chunk, status, reasonPhrase, headers, event: step, direction, loaded, total } = event as Event & EventDetail;
  const { contentType, parameters } = event as Event & EventDetail;
  if (contentType !== undefined) return { contentType, parameters: parameters ?? {} };
  if (chunk !== undefined) return { chunk };
  if (step !== undefined) return { event: step };
  if (status !== undefined) {
    return { status, reasonPhrase: reasonPhrase ?? "", headers: [...headers as unknown as Headers] };
  }
  return loaded === undefined ? {} : { direction: direction ?? "", loaded, total: total ?? null };
}
