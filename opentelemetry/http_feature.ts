/** Spans and metrics of HTTP messages. */
import { type Context, context, propagation, type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { type Attributes, trace, type Tracer } from "@opentelemetry/api";
import { checkFunction, checkOwnOptions, type OptionNames } from "../internal/expected.ts";
import { fact, inspectable } from "../internal/inspection.ts";
import { reportUncaught } from "../internal/report_error.ts";
import type { AttemptWatch, SessionFeature } from "../http/contract/feature.ts";
import type { FeatureSession } from "../http/contract/feature_session.ts";
import type { RedactionRules } from "../http/features/logging/secret_names.ts";
import type { HttpMessage } from "../http/message/message.ts";
import { HttpStatus, isTransportStatus } from "../http/protocol/status.ts";
import type { Connection } from "../http/transports/connection.ts";
import { type HttpInstruments, httpInstruments } from "./http_metrics.ts";
import { instrumentsOf, type MeterLike, SCOPE, type TracerLike, tracerOf } from "./instruments.ts";
import { hiddenParameters, shownUrl } from "./shown_url.ts";

/** Options of {@linkcode OpenTelemetry}. */
export interface OpenTelemetryOptions {
  /**
   * What makes the spans.
   *
   * By default a tracer of the global provider.
   */
  readonly tracer?: TracerLike | undefined;
  /**
   * What makes the metrics.
   *
   * By default a meter of the global provider.
   */
  readonly meter?: MeterLike | undefined;
  /**
   * Whether the global propagator puts its fields, such as `traceparent`, on requests; a function says it by the URL of
   * each attempt.
   *
   * @default {true}
   */
  readonly propagate?: boolean | ((url: URL) => boolean) | undefined;
  /**
   * Names of query parameters whose values `url.full` leaves out, besides those the conventions name and those whose name
   * is a secret's.
   */
  readonly redact?: Iterable<string> | undefined;
}

const optionNames: OptionNames<OpenTelemetryOptions> = { tracer: true, meter: true, propagate: true, redact: true };

/** Methods of RFC 9110 and RFC 5789; of others the conventions want none in names, which must be few. */
const METHODS: ReadonlySet<string> = new Set(
  ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"],
);
const FAILURES: ReadonlyMap<number, string> = new Map(
  Object.entries(HttpStatus).filter(([, status]) => isTransportStatus(status)).map(([name, status]) => [status, name]),
);

/**
 * A feature that makes a client span of each attempt to send a message, repeats, redirects and rounds of authentication
 * included, and the metrics of HTTP clients, as the stable semantic conventions for HTTP have them. The parent of the
 * spans is what was active where the message was queued; what features do for the attempt, such as to sign with a token,
 * is within its span, and so are the spans that {@linkcode observeCalls} makes.
 *
 * Spans have `http.request.method`, `url.full`, `server.address`, `server.port`, `http.request.resend_count`,
 * `http.response.status_code`, `network.protocol.version` and `error.type`: the status from 400 on, or the name of the
 * failure such as `ECONNREFUSED` or `CANT_CONNECT`. Metrics are `http.client.request.duration`,
 * `http.client.request.time_in_queue` (both histograms in seconds), `http.client.active_requests` and
 * `http.client.open_connections`. Neither has header fields, bodies, user names or passwords.
 *
 * @example Trace the messages of a session
 * ```ts
 * import { HttpSession } from "@gp11/gp11";
 * import { OpenTelemetry } from "@gp11/gp11/opentelemetry";
 *
 * function traced(partner: string): HttpSession {
 *   return new HttpSession({ features: [new OpenTelemetry({ propagate: (url) => url.host === partner })] });
 * }
 * ```
 */
export class OpenTelemetry implements SessionFeature {
  readonly #tracer: Tracer;
  readonly #instruments: () => HttpInstruments;
  readonly #propagate: (url: URL) => boolean;
  readonly #rules: RedactionRules;
  /** What was active where a message was queued. */
  readonly #parents = new WeakMap<HttpMessage, Context>();
  readonly #attempts = new WeakMap<HttpMessage, TracedAttempt>();
  readonly #sessions = new Set<FeatureSession>();

  /**
   * Makes the feature.
   *
   * @throws {TypeError} For an option of a wrong kind.
   */
  constructor(options: OpenTelemetryOptions = {}) {
    const { meter, propagate = true, redact, tracer } = checkOwnOptions(
      "make an OpenTelemetry feature",
      options,
      optionNames,
    );
    if (typeof propagate !== "boolean") checkFunction("make an OpenTelemetry feature", propagate);
    this.#tracer = tracerOf(tracer);
    this.#instruments = instrumentsOf(meter, (made) => httpInstruments(made, this.#sessions));
    this.#propagate = typeof propagate === "function" ? propagate : () => propagate;
    this.#rules = hiddenParameters(redact);
  }

  /** Counts the session's connections. Called by the session. */
  attach(session: FeatureSession): void {
    this.#sessions.add(session);
    this.#instruments();
  }

  /** Counts them no more. Called by the session. */
  detach(session: FeatureSession): void {
    this.#sessions.delete(session);
  }

  /** Keeps what is active: the parent of the message's spans. Called by the session. */
  requestQueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#parents.set(msg, context.active());
  }

  /** Begins the span of an attempt. Called by the session. */
  watchAttempt(_session: FeatureSession, msg: HttpMessage): AttemptWatch {
    const parent = this.#parents.get(msg) ?? context.active();
    const attempt = new TracedAttempt(msg, this.#tracer, parent, this.#instruments(), this.#rules);
    this.#attempts.set(msg, attempt);
    try {
      this.#inject(msg, attempt.context);
    } catch (error) {
      // What a function of the user's throws is no reason to leave the attempt without its span.
      reportUncaught(error);
    }
    return attempt;
  }

  #inject(msg: HttpMessage, active: Context): void {
    const fields = propagation.fields();
    if (fields.length === 0) return;
    // Those of an earlier attempt were for another span, and perhaps for another origin.
    for (const field of fields) if (msg.hasRequestHeaders) msg.requestHeaders.delete(field);
    if (!this.#propagate(msg.uri)) return;
    propagation.inject(active, msg, { set: ({ requestHeaders }, name, value) => requestHeaders.set(name, value) });
  }

  /** Notes how long the attempt has waited. Called by the session. */
  requestStarted(_session: FeatureSession, msg: HttpMessage, _connection: Connection): void {
    this.#attempts.get(msg)?.started();
  }

  /** Notes the status. Called by the session. */
  gotHeaders(_session: FeatureSession, msg: HttpMessage): void {
    this.#attempts.get(msg)?.answered();
  }

  /** The message is done with. Called by the session. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#attempts.delete(msg);
    this.#parents.delete(msg);
  }
}

inspectable(OpenTelemetry, "OpenTelemetry", () => [fact("scope", SCOPE, "")]);

/** The span of one attempt. */
class TracedAttempt implements AttemptWatch {
  readonly context: Context;
  readonly #msg: HttpMessage;
  readonly #span: Span;
  readonly #instruments: HttpInstruments;
  /** Attributes that spans and metrics have. */
  readonly #common: Attributes;
  readonly #began: number = performance.now();
  #isStarted = false;
  #status = 0;
  #version = "";

  constructor(msg: HttpMessage, tracer: Tracer, parent: Context, instruments: HttpInstruments, rules: RedactionRules) {
    const { metrics: { attempts }, method, uri } = msg;
    const isKnown = METHODS.has(method);
    this.#msg = msg;
    this.#instruments = instruments;
    this.#common = {
      "http.request.method": isKnown ? method : "_OTHER",
      "server.address": uri.hostname.replace(/^\[|\]$/g, ""),
      "server.port": uri.port === "" ? uri.protocol === "https:" ? 443 : 80 : Number(uri.port),
    };
    const attributes = {
      ...this.#common,
      "url.full": shownUrl(uri, rules),
      ...(isKnown ? {} : { "http.request.method_original": method }),
      ...(attempts > 1 ? { "http.request.resend_count": attempts - 1 } : {}),
    };
    this.#span = tracer.startSpan(isKnown ? method : "HTTP", { kind: SpanKind.CLIENT, attributes }, parent);
    this.context = trace.setSpan(parent, this.#span);
    instruments.active.add(1, this.#common);
  }

  run<T>(part: () => T): T {
    return context.with(this.context, part);
  }

  started(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#instruments.timeInQueue.record((performance.now() - this.#began) / 1000, this.#common);
  }

  answered(): void {
    this.#status = this.#msg.statusCode;
    this.#version = this.#msg.httpVersion;
  }

  ended(error: unknown): void {
    const attributes = this.#outcome(error);
    // A span may throw.
    this.#instruments.active.add(-1, this.#common);
    this.#instruments.duration.record((performance.now() - this.#began) / 1000, { ...this.#common, ...attributes });
    this.#span.setAttributes(attributes);
    if (attributes["error.type"] !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
  }

  #outcome(error: unknown): Attributes {
    // A feature that asks for another attempt as soon as it sees the status keeps the others from seeing it.
    if (this.#status === 0 && this.#msg.statusCode >= 100) this.answered();
    const failure = this.#failure(error);
    return {
      ...(this.#status === 0 ? {} : {
        "http.response.status_code": this.#status,
        "network.protocol.version": this.#version,
      }),
      ...(failure === null ? {} : { "error.type": failure }),
    };
  }

  /** What has gone wrong, in few words that are always the same; null where nothing has. */
  #failure(error: unknown): string | null {
    const { statusCode } = this.#msg;
    if (error !== null || isTransportStatus(statusCode)) {
      const code = (error as { code?: unknown } | null)?.code;
      if (typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code)) return code;
      return FAILURES.get(statusCode) ?? "_OTHER";
    }
    return this.#status >= 400 ? String(this.#status) : null;
  }
}
