/**
 * The HTTP session (`SoupSession`).
 *
 * @module
 */
import { TypedEventTarget } from "../internal/events.ts";
import type { ConstructibleFeatureType, FeatureType, SessionFeature } from "./feature.ts";
import type { HttpMessage } from "./message.ts";
import type { HttpSessionEvents } from "./session_events.ts";
import type {
  AsyncContext,
  CancelOptions,
  HttpFetchInit,
  HttpSessionOptions,
  RequeueOptions,
  SendOptions,
} from "./session_options.ts";
import type { TransportCapabilities } from "./transport.ts";
import { HttpStatus } from "./status.ts";

/** Called when a message is done (`SoupSessionCallback`). */
export type SessionCallback = (session: HttpSession, msg: HttpMessage) => void;

const unbuilt = (): never => {
  throw new Error("Cannot use the session: its floor is being laid");
};

/** SIGNATURES; the bodies follow. */
export class HttpSession extends TypedEventTarget<HttpSessionEvents> {
  readonly fetch: (input: RequestInfo | URL, init?: HttpFetchInit) => Promise<Response> = unbuilt;

  constructor(_options: HttpSessionOptions = {}) {
    super();
  }

  get capabilities(): TransportCapabilities {
    return unbuilt();
  }
  queueMessage(_msg: HttpMessage, _callback?: SessionCallback): void {
    unbuilt();
  }
  sendMessage(_msg: HttpMessage, _options?: SendOptions): Promise<number> {
    return unbuilt();
  }
  /** Legal while the message is on the queue; in hooks, listeners and the callback. Otherwise a TypeError. */
  requeueMessage(_msg: HttpMessage, _options?: RequeueOptions): void {
    unbuilt();
  }
  cancelMessage(_msg: HttpMessage, _status: number = HttpStatus.CANCELLED, _options?: CancelOptions): void {
    unbuilt();
  }
  abort(): void {
    unbuilt();
  }
  pauseMessage(_msg: HttpMessage): void {
    unbuilt();
  }
  unpauseMessage(_msg: HttpMessage): void {
    unbuilt();
  }
  /** True while the message is paused. */
  isPaused(_msg: HttpMessage): boolean {
    return unbuilt();
  }
  wouldRedirect(_msg: HttpMessage): boolean {
    return unbuilt();
  }
  redirectMessage(_msg: HttpMessage): boolean {
    return unbuilt();
  }
  prepareForUri(_uri: string | URL): Promise<void> {
    return unbuilt();
  }
  addFeature(_feature: SessionFeature): void {
    unbuilt();
  }
  addFeatureByType(_type: ConstructibleFeatureType): void {
    unbuilt();
  }
  removeFeature(_feature: SessionFeature): void {
    unbuilt();
  }
  removeFeatureByType(_type: FeatureType): void {
    unbuilt();
  }
  getFeatures<T = SessionFeature>(_type?: FeatureType<T>): T[] {
    return unbuilt();
  }
  getFeature<T>(_type: FeatureType<T>): T | null {
    return unbuilt();
  }
  getFeatureForMessage<T>(_type: FeatureType<T>, _msg: HttpMessage): T | null {
    return unbuilt();
  }
  getAsyncContext(): AsyncContext | null {
    return unbuilt();
  }
  /** The messages on the queue, oldest first: waiting, running and paused ones. */
  messages(): Iterable<HttpMessage> {
    return unbuilt();
  }
  /** "http" or "https" for a URI this session can send, aliases included; null otherwise. */
  schemeOf(_uri: URL): "http" | "https" | null {
    return unbuilt();
  }
  close(): Promise<void> {
    return unbuilt();
  }
}
