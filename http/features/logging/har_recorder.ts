/**
 * Recording what a session sends and receives, in the format browsers and other tools read.
 *
 * @module
 */
import { checkOwnOptions, type OptionNames, wholeNumber } from "../../../internal/expected.ts";
import { lowerCaseSet } from "./secret_names.ts";
import type { Connection } from "../../transports/connection.ts";
import { BodyStage, type BodyTransform, type SessionFeature } from "../../contract/feature.ts";
import { entryOf, type HarEntry, type HarLog, type Recording, sentRequest } from "./har_format.ts";
import { answerOf, BodyCopy, bodyLimit } from "./body_copy.ts";
import type { RedactionRules } from "./redaction.ts";
import type { HttpMessage } from "../../message/message.ts";
import { productToken } from "../../protocol/headers.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { pipeThroughGenerator } from "../../codings/codings.ts";

export type { HarEntry, HarLog, HarPair, HarRequest, HarResponse, HarTimings } from "./har_format.ts";

/** Options of {@linkcode HarRecorder}. */
export interface HarRecorderOptions {
  /**
   * The most bytes of each body that are kept; 0 keeps none, -1 keeps all. 1 MiB by default.
   *
   * @default {1048576}
   */
  readonly maxBodySize?: number | undefined;
  /**
   * The most entries that are kept; the oldest give way.
   *
   * @default {10000}
   */
  readonly maxEntries?: number | undefined;
  /**
   * Measure resolving, connecting and TLS too. Only the socket transport reports these steps, so messages then prefer it.
   *
   * @default {false}
   */
  readonly connectionTimings?: boolean | undefined;
  /**
   * Keep credentials, cookies and tokens instead of hiding them.
   *
   * @default {false}
   */
  readonly showSecrets?: boolean | undefined;
  /**
   * Names of further header fields whose values are hidden.
   *
   * @default {[]}
   */
  readonly hiddenHeaders?: readonly string[] | ReadonlySet<string> | undefined;
  /**
   * Names of further query parameters, form fields and JSON members whose values are hidden.
   *
   * @default {[]}
   */
  readonly hiddenParameters?: readonly string[] | ReadonlySet<string> | undefined;
}

const optionNames: OptionNames<HarRecorderOptions> = {
  maxBodySize: true,
  maxEntries: true,
  connectionTimings: true,
  showSecrets: true,
  hiddenHeaders: true,
  hiddenParameters: true,
};

const [name = "", version = ""] = productToken.split("/");
const CREATOR = { name, version };

/** What a recorder knows of a message on the queue. */
interface Watched {
  readonly listening: AbortController;
  recording: Recording | null;
}

/**
 * Writes an HTTP Archive (HAR 1.2): one entry for each attempt, so that redirects, retries and authentication are seen.
 * Credentials, cookies and tokens are hidden as the `Logger` hides them, unless `showSecrets` is set.
 *
 * @example Record a request
 * ```ts
 * import { HarRecorder, HttpSession, MockTransport } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const har = new HarRecorder();
 * await using session = new HttpSession({ features: [new MockTransport(() => new Response("hello")), har] });
 * await (await session.fetch("http://example.com/?q=1")).text();
 * const { log } = har.toJSON();
 * assertEquals(log.entries.map(({ request, response }) => [request.url, response.status, response.content.text]), [
 *   ["http://example.com/?q=1", 200, "hello"],
 * ]);
 * ```
 */
export class HarRecorder implements SessionFeature {
  /** Bodies are recorded decoded. */
  readonly bodyStage: BodyStage = BodyStage.DECODED;
  readonly #maxBodySize: number;
  readonly #maxEntries: number;
  readonly #connectionTimings: boolean;
  readonly #rules: RedactionRules | null;
  readonly #watched = new WeakMap<HttpMessage, Watched>();
  #entries: HarEntry[] = [];

  /**
   * Makes a recorder.
   *
   * @throws {RangeError} If a limit is no integer or out of range.
   */
  constructor(options: HarRecorderOptions = {}) {
    checkOwnOptions("make a HarRecorder", options, optionNames);
    this.#maxBodySize = bodyLimit(options.maxBodySize ?? 1 << 20);
    this.#maxEntries = wholeNumber("maxEntries", options.maxEntries ?? 10_000, 1);
    this.#connectionTimings = options.connectionTimings ?? false;
    this.#rules = options.showSecrets
      ? null
      : { headers: lowerCaseSet(options.hiddenHeaders), parameters: lowerCaseSet(options.hiddenParameters) };
  }

  /** The entries so far, in the order in which the attempts ended. */
  get entries(): readonly HarEntry[] {
    return this.#entries;
  }

  /** The archive, ready for `JSON.stringify` (which calls this by itself). */
  toJSON(): HarLog {
    return { log: { version: "1.2", creator: { ...CREATOR }, entries: [...this.#entries] } };
  }

  /** Forgets the entries so far. */
  clear(): void {
    this.#entries = [];
  }

  /** Begins an entry; see {@linkcode SessionFeature.requestStarting}. */
  requestStarting(_session: FeatureSession, msg: HttpMessage): void {
    const watched = this.#watch(msg);
    this.#end(msg);
    watched.recording = {
      startedAt: new Date(),
      began: performance.now(),
      events: new Map(),
      connectionId: null,
      sent: null,
      answer: null,
      requestBody: null,
      responseBody: null,
    };
  }

  /** Notes the connection; see {@linkcode SessionFeature.requestStarted}. */
  requestStarted(_session: FeatureSession, msg: HttpMessage, connection: Connection): void {
    const recording = this.#watched.get(msg)?.recording;
    if (!recording) return;
    recording.connectionId = connection.id;
    recording.sent = sentRequest(msg);
    recording.requestBody = new BodyCopy(this.#maxBodySize);
    if (msg.requestBody instanceof Uint8Array) recording.requestBody.add(msg.requestBody);
  }

  /** Notes what was answered, whatever becomes of the body; see {@linkcode SessionFeature.gotHeaders}. */
  gotHeaders(_session: FeatureSession, msg: HttpMessage): void {
    const recording = this.#watched.get(msg)?.recording;
    if (recording) recording.answer = answerOf(msg);
  }

  /** Copies the body on its way; see {@linkcode SessionFeature.transformBody}. */
  transformBody(_session: FeatureSession, msg: HttpMessage): BodyTransform | null {
    const recording = this.#watched.get(msg)?.recording;
    if (!recording) return null;
    const copy = recording.responseBody = new BodyCopy(this.#maxBodySize);
    return (body) =>
      pipeThroughGenerator(body, async function* (chunks) {
        for await (const chunk of chunks) {
          copy.add(chunk);
          yield chunk;
        }
      });
  }

  /** Ends an entry; see {@linkcode SessionFeature.gotBody}. */
  gotBody(_session: FeatureSession, msg: HttpMessage): void {
    this.#end(msg);
  }

  /** Ends an entry; see {@linkcode SessionFeature.attemptEnded}. */
  attemptEnded(_session: FeatureSession, msg: HttpMessage): void {
    this.#end(msg);
  }

  /** Ends an entry that broke off; see {@linkcode SessionFeature.requestUnqueued}. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#end(msg);
    this.#watched.get(msg)?.listening.abort();
    this.#watched.delete(msg);
  }

  #watch(msg: HttpMessage): Watched {
    const known = this.#watched.get(msg);
    if (known !== undefined) return known;
    const watched: Watched = { listening: new AbortController(), recording: null };
    this.#watched.set(msg, watched);
    const { signal } = watched.listening;
    // A message that is repeated without a look at its body has its response no longer when it starts again.
    msg.addEventListener("restarted", () => this.#end(msg), { signal });
    // A listener alone moves a message to the transport that has these events, so there is none unless asked for.
    if (this.#connectionTimings) {
      msg.addEventListener("network-event", ({ event }) => {
        watched.recording?.events.set(event, performance.now());
      }, { signal });
    }
    if (msg.requestBody !== null && !(msg.requestBody instanceof Uint8Array)) {
      msg.addEventListener("wrote-body-data", ({ chunk }) => watched.recording?.requestBody?.add(chunk), { signal });
    }
    return watched;
  }

  #end(msg: HttpMessage): void {
    const watched = this.#watched.get(msg);
    if (!watched?.recording) return;
    const { recording } = watched;
    // A body that did not pass through here, as in a synchronous send, is still on the message.
    if (recording.responseBody === null && msg.responseBody.byteLength > 0) {
      recording.responseBody = new BodyCopy(this.#maxBodySize);
      recording.responseBody.add(msg.responseBody);
    }
    this.#entries.push(entryOf(msg, recording, this.#rules));
    if (this.#entries.length > this.#maxEntries) this.#entries.splice(0, this.#entries.length - this.#maxEntries);
    watched.recording = null;
  }
}
