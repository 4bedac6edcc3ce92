/**
 * One entry of a session's queue (`SoupMessageQueueItem`).
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import { keepContext, type KeptContext } from "../../internal/tracing.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import type { AttemptWatch, BodyTransform, SessionFeature } from "../contract/feature.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import { TimeWatch } from "../contract/time_watch.ts";
import { inMilliseconds, type TimeoutsOptions } from "../message/own_settings.ts";
import type { HookScope } from "./feature_list.ts";
import type { MessageTrace } from "./announcements.ts";
import type { PoolEntry, WaitingAttempt } from "../pool/entry.ts";
import type { MessageItem } from "../message/message_state.ts";
import { emit, type HttpMessage, type MessageEventName, messageState } from "../message/message.ts";
import type { ExchangeObserver, ProxyTarget, Transport, TransportResponse } from "../transports/transport.ts";

/** States of an entry, in the order an attempt passes them. */
export const ItemState = {
  /** Before the choice of a connection. */
  STARTING: "starting",
  /** In its host's queue. */
  AWAITING_CONNECTION: "awaiting-connection",
  /** The connection is being made. */
  CONNECTING: "connecting",
  /** The request is being prepared on its connection. */
  READY: "ready",
  /** Request and response are moving. */
  RUNNING: "running",
  /** A new attempt is being prepared. */
  RESTARTING: "restarting",
  /** `finished` and the callback run. */
  FINISHING: "finishing",
  /** Off the queue. */
  FINISHED: "finished",
} as const;

/** One of the states. */
export type ItemState = typeof ItemState[keyof typeof ItemState];

/** An attempt at an entry, as the queue sees it: what one does stands in `http/attempt/`, above. */
export interface ItemAttempt extends HookScope {
  /** True while it is the entry's present one. */
  readonly isCurrent: boolean;
  /** Its first step. */
  begin(): void;
}

/** What receives the response in place of the message: `session.fetch`. */
export interface ResponseSink {
  /** Decides at the header section: hand the body out, read it and try again, or fail with an error. */
  decide(item: QueueItem, response: TransportResponse): "take" | "retry" | Error;
  /** The message is on the queue. */
  queued(item: QueueItem): void;
  /** Takes the response over. */
  take(attempt: ItemAttempt, response: TransportResponse): void;
  /** The message is off the queue; called in every case. */
  done(item: QueueItem): void;
}

/**
 * From now on the caller's signal calls `abort`; one that was aborted while the entry was announced does so at once. One
 * that takes no listener aborts, too, once `refused` knows why.
 */
export function heed(signal: AbortSignal, item: QueueItem, abort: () => void, refused: (error: unknown) => void): void {
  if (signal.aborted) return abort();
  if (item.state === ItemState.FINISHED) return;
  try {
    signal.addEventListener("abort", abort);
  } catch (error) {
    refused(error);
    abort();
  }
}

const none: readonly BodyTransform[] = Object.freeze([]);

let lastSequence = 0;

/** One entry of the queue. `attempt` grows with every restart, cancel and end: work of an older attempt is void. */
export class QueueItem implements MessageItem, PoolEntry {
  /** Place in the queue; a restarted entry keeps it. */
  readonly sequence: number = ++lastSequence;
  readonly msg: HttpMessage;
  /** Where the session keeps it; -1 once it is off the queue. */
  index = -1;
  readonly callback: (() => void) | null;
  /** `session.fetch`'s interest in the response, or null for a message that is sent by itself. */
  readonly sink: ResponseSink | null;
  /** Called once the entry is off the queue. */
  readonly onDone: (() => void) | null;
  state: ItemState = ItemState.STARTING;
  attempt = 0;
  /** An attempt of it begins in the turn to come, whichever is the present one by then. */
  isScheduled = false;
  /** A requeue that was asked for: at once, or after the body. */
  requeue: "now" | "body" | null = null;
  /** The next attempt goes on the connection of this one. */
  sameConnection = false;
  /** The next attempt needs a connection that has carried nothing: a stale one has just failed. */
  freshNext = false;
  /** The attempts need HTTP/1.1: it was asked for, or what is to be done cannot be done with HTTP/2. */
  needsHttp1 = false;
  /** Attempts that the server has not processed. */
  unprocessed = 0;
  /** An attempt was made again because a used connection had died: the next one that dies is the last. */
  wasStale = false;
  /** The server has said 421 once: the next connection is the last that is tried. */
  isMisdirected = false;
  /** The observer of the present attempt, by which the transport knows its exchange. */
  observer: ExchangeObserver | null = null;
  connection: Connection | null = null;
  redirects = 0;
  /** The header fields whose Location the message has been pointed to. */
  followed: Headers | null = null;
  /** The response body has been read to its end: the connection is clean. */
  isBodyRead = false;
  /** A body stream that can be sent only once has been handed over. */
  isStreamUsed = false;
  /** Takes a cancelled message off the queue whose attempts are made in a worker; null where they are made here. */
  leaveEarly: (() => void) | null = null;
  /** Ends a request body that streams and is still on its way; null when none is. */
  upload: ((reason: unknown) => void) | null = null;
  /** Features whose `requestQueued` runs for it; null before, and once "request-queued" was emitted. */
  announcedTo: readonly SessionFeature[] | null = null;
  /** How many of them have run. */
  announcements = 0;
  /** Session events about the message are being dispatched right now. */
  announcing = 0;
  /** Listeners or hooks are running right now: the attempt looks at the outcome when they return. */
  emitting = 0;
  /** `session.fetch` has got its Response. */
  isHandedOut = false;
  /** What features do to the body of this response. */
  transforms: readonly BodyTransform[] = none;
  /** The unix socket the present attempt goes to; null for the network, undefined before it is known. */
  unixSocket: string | null | undefined = undefined;
  /** Redirects there had been when `unixSocket` was chosen. */
  redirectsSeen = 0;
  /** Limits of time that features have set, in milliseconds; null where none has. */
  limits: TimeoutsOptions | null = null;
  /** What keeps the limits of time; null where there are none. */
  times: TimeWatch | null = null;
  /** What the attempt was routed to. */
  host: PoolEntry["host"] = null;
  proxy: ProxyTarget | null = null;
  transport: Transport | null = null;
  /** The identity that a connection for this attempt is authenticated as; "" for none. Known before one is chosen. */
  identity = "";
  /** Makes what comes next run in the context that is kept; null where that of whoever brings it on will do. */
  goOn: KeptContext | null = null;
  /** The attempt that waits for a connection. */
  waiter: WaitingAttempt | null = null;
  /** What the tracing channel publishes of it; null where nobody listens. */
  trace: MessageTrace | null = null;
  /** Those who watch the present attempt; null where nobody does. */
  watches: readonly AttemptWatch[] | null = null;
  /** The entries before and behind it in the queue of its host. */
  previous: PoolEntry | null = null;
  next: PoolEntry | null = null;
  isWaiting = false;
  /** Priority the entry was filed under. */
  filedPriority = 0;
  /** `performance.now()` of the last progress. */
  lastProgress = 0;
  #watch: ReturnType<typeof setTimeout> | null = null;
  #paused = false;
  #resume: (() => void) | null = null;
  #resumed: Promise<void> | null = null;

  constructor(
    msg: HttpMessage,
    callback: (() => void) | null = null,
    sink: ResponseSink | null = null,
    onDone: (() => void) | null = null,
  ) {
    this.msg = msg;
    this.callback = callback;
    this.sink = sink;
    this.onDone = onDone;
  }

  /** Sets a limit of time that a feature has; the shortest one counts. */
  limitTime({ connect = 0, total = 0 }: TimeoutsOptions): void {
    const before = this.limits;
    this.limits = { connect: shorter(connect, before?.connect), total: shorter(total, before?.total) };
  }

  /** Watches the limits of time: the message's own, and those of features where it has none. */
  watchTimes(session: FeatureSession): void {
    const own = messageState(this.msg).own?.timeouts ?? null;
    if ((own === null && this.limits === null) || this.state === ItemState.FINISHED) return;
    const limits = { ...this.limits, ...(own === null ? {} : inMilliseconds(own)) };
    if (limits.connect || limits.total) this.times = new TimeWatch(session, this.msg, limits);
  }

  /** The attempt has got its connection. */
  connected(connection: Connection): void {
    this.connection = connection;
    messageState(this.msg).connectionId = connection.id;
    if (this.trace !== null) this.trace.connection = connection;
  }

  /** Runs a part of the attempt as those want it who watch. */
  within<T>(part: () => T): T {
    if (this.watches === null) return part();
    return this.watches.reduce((inner, watch) => () => watch.run(inner), part)();
  }

  /** The present attempt is over; its watchers are called once. */
  attemptOver(error: unknown): void {
    const { watches } = this;
    if (watches === null) return;
    this.watches = null;
    for (const watch of watches) {
      try {
        watch.ended(error);
      } catch (thrown) {
        reportUncaught(thrown);
      }
    }
  }

  /** It waits in its host's queue. */
  awaitConnection(attempt: WaitingAttempt): void {
    this.waiter = attempt;
    this.state = ItemState.AWAITING_CONNECTION;
  }

  /** The attempt that waits has got a connection. */
  run(connection: Connection): void {
    if (this.goOn === null) return this.waiter!.run(connection);
    const { attempt } = this;
    this.inContext(() => {
      if (this.attempt === attempt) this.waiter!.run(connection);
    });
  }

  /** Keeps the asynchronous context that this is called in for what is brought on by others. */
  keepContext(): void {
    this.goOn ??= keepContext();
  }

  /** Runs a part in the context that was kept, from a microtask. */
  inContext(part: () => void): void {
    const goOn = this.goOn!;
    this.goOn = null;
    goOn(part);
  }

  /** True while the message is paused. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Stops I/O at the next step. */
  pause(): void {
    this.#paused = true;
  }

  /** Lets I/O go on, from a microtask. */
  unpause(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.lastProgress = performance.now();
    this.#resume?.();
    this.#resume = null;
    this.#resumed = null;
  }

  /** Resolves when the message is not paused. */
  async resumed(): Promise<void> {
    while (this.#paused) {
      this.#resumed ??= new Promise((resolve) => this.#resume = resolve);
      await this.#resumed;
    }
  }

  /** Dispatches an event without data to the message's listeners. */
  emit(type: MessageEventName): void {
    const state = messageState(this.msg);
    state.lastEvent = type;
    if (state.listened === null) return;
    this.emitting++;
    emit(this.msg, type);
    this.emitting--;
  }

  /** Dispatches an event to the message's listeners. */
  dispatch(event: Event): void {
    messageState(this.msg).lastEvent = event.type;
    this.emitting++;
    this.msg.dispatchEvent(event);
    this.emitting--;
  }

  /** Watches for `seconds` without progress. */
  watch(seconds: number, expired: () => void): void {
    this.unwatch();
    const limit = seconds * 1000;
    this.lastProgress = performance.now();
    const look = (): void => {
      const idle = this.#paused ? 0 : performance.now() - this.lastProgress;
      if (idle >= limit - 1) expired();
      else this.#watch = setTimeout(look, limit - idle);
    };
    this.#watch = setTimeout(look, limit);
  }

  /** True while a time limit runs. */
  get isTimed(): boolean {
    return this.#watch !== null;
  }

  /** Something has moved. */
  progressed(): void {
    if (this.#watch !== null) this.lastProgress = performance.now();
  }

  /** Ends the watch. */
  unwatch(): void {
    if (this.#watch === null) return;
    clearTimeout(this.#watch);
    this.#watch = null;
  }
}

/** The shorter one of two limits of time, of which 0 is none. */
function shorter(one: number, other = 0): number {
  return one === 0 || other === 0 ? Math.max(one, other) : Math.min(one, other);
}
