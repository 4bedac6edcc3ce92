/** The feature that writes messages down. */

import { builtin } from "../../../internal/builtin_modules.ts";
import { checkOwnOptions, type OptionNames } from "../../../internal/expected.ts";
import { lowerCaseSet } from "./secret_names.ts";
import { isWithoutCache } from "../../contract/blocking.ts";
import type { Connection } from "../../transports/connection.ts";
import { BodyStage, type BodyTransform, type SessionFeature } from "../../contract/feature.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { watchChunks } from "../../codings/codings.ts";
import { type Answer, answerOf, BodyCopy, bodyLimit, failureOf } from "./body_copy.ts";
import { redactAddress, redactBody, redactHeader, type RedactionRules } from "./redaction.ts";

/** How much is written: nothing, the start line, header fields too, or bodies too. */
export type LoggerLevel = "none" | "minimal" | "headers" | "body";

/** What a line is about: what goes to the server, what comes from it, or neither (the empty line between messages). */
export type LoggerDirection = ">" | "<" | " ";

/** Options of {@linkcode Logger}. */
export interface LoggerOptions {
  /**
   * How much is written.
   *
   * @default {"minimal"}
   */
  readonly level?: LoggerLevel | undefined;
  /**
   * The most bytes of a body that are written; -1 sets no limit. 1 MiB by default.
   *
   * @default {1048576}
   */
  readonly maxBodySize?: number | undefined;
  /** Receives each line with the level it belongs to. Without it lines go to standard error. */
  readonly printer?: ((level: LoggerLevel, direction: LoggerDirection, line: string) => void) | undefined;
  /** Chooses the level of a request; without it {@linkcode LoggerOptions.level} holds. */
  readonly requestFilter?: ((msg: HttpMessage) => LoggerLevel) | undefined;
  /** Chooses the level of a response; without it {@linkcode LoggerOptions.level} holds. */
  readonly responseFilter?: ((msg: HttpMessage) => LoggerLevel) | undefined;
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

const optionNames: OptionNames<LoggerOptions> = {
  level: true,
  maxBodySize: true,
  printer: true,
  requestFilter: true,
  responseFilter: true,
  hiddenHeaders: true,
  hiddenParameters: true,
};

/** What a logger knows about one message. */
interface Entry {
  readonly id: number;
  readonly controller: AbortController;
  connection: Connection | null;
  attempts: number;
  requestPrinted: boolean;
  responsePending: boolean;
  responseLevel: LoggerLevel;
  requestBody: BodyCopy | null;
  responseBody: BodyCopy | null;
  /** What the server has answered; null before it has, or where nobody was asked about it. */
  answer: Answer | null;
  /** As they came: decoding takes Content-Encoding away later. */
  responseHeaders: Headers | null;
}

const RANKS: Record<LoggerLevel, number> = { none: 0, minimal: 1, headers: 2, body: 3 };

/**
 * Writes down what a session sends and receives, in the layout of `SoupLogger`. Credentials, cookies and tokens are
 * hidden: passwords of Basic, everything else of an Authorization field, cookie values, and the values of header
 * fields, query parameters, form fields and JSON members whose names say what they are.
 *
 * @example Lines of a request
 * ```ts
 * import { HttpSession, Logger, MockTransport } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const lines: string[] = [];
 * await using session = new HttpSession();
 * session.addFeature(new Logger({ level: "minimal", printer: (_level, direction, line) => lines.push(`${direction} ${line}`) }));
 * session.addFeature(new MockTransport(() => new Response("hello")));
 * await (await session.fetch("http://example.org/a?access_token=x")).text();
 * assertEquals(lines[0], "> GET /a?access_token=**** HTTP/1.1");
 * ```
 */
export class Logger implements SessionFeature {
  /** The logger sees bodies as their readers do. */
  readonly bodyStage: BodyStage = BodyStage.DECODED;
  #level: LoggerLevel = "minimal";
  #maxBodySize = 0;
  #options: LoggerOptions;
  #rules: RedactionRules;
  #entries = new WeakMap<HttpMessage, Entry>();
  #messageIds = new WeakMap<HttpMessage, number>();
  #sessionIds = new WeakMap<FeatureSession, number>();
  #connectionIds = new WeakMap<Connection, number>();
  #lastMessage = 0;
  #lastSession = 0;
  #lastConnection = 0;

  /**
   * Makes a logger.
   *
   * @throws {TypeError} If the level is none.
   * @throws {RangeError} If `maxBodySize` is no number of bytes.
   */
  constructor(options: LoggerOptions = {}) {
    checkOwnOptions("make a Logger", options, optionNames, ["printer", "requestFilter", "responseFilter"]);
    this.level = options.level ?? "minimal";
    this.maxBodySize = options.maxBodySize ?? 2 ** 20;
    this.#options = options;
    this.#rules = { headers: lowerCaseSet(options.hiddenHeaders), parameters: lowerCaseSet(options.hiddenParameters) };
  }

  /** How much is written; may be changed at any time. */
  get level(): LoggerLevel {
    return this.#level;
  }
  set level(value: LoggerLevel) {
    if (!Object.hasOwn(RANKS, value)) throw new TypeError(`Cannot log at the level ${JSON.stringify(value)}`);
    this.#level = value;
  }

  /** The most bytes of a body that are written; -1 sets no limit. */
  get maxBodySize(): number {
    return this.#maxBodySize;
  }
  set maxBodySize(value: number) {
    this.#maxBodySize = bodyLimit(value);
  }

  /** Begins to watch a message. Called by the session. */
  requestQueued(session: FeatureSession, msg: HttpMessage): void {
    if (
      this.level === "none" && this.#options.requestFilter === undefined && this.#options.responseFilter === undefined
    ) {
      return;
    }
    const id = this.#messageIds.get(msg) ?? ++this.#lastMessage;
    this.#messageIds.set(msg, id);
    const controller = new AbortController();
    const entry: Entry = {
      id,
      controller,
      connection: null,
      attempts: 0,
      requestPrinted: false,
      responsePending: false,
      responseLevel: "none",
      requestBody: null,
      responseBody: null,
      answer: null,
      responseHeaders: null,
    };
    this.#entries.set(msg, entry);
    const options = { signal: controller.signal };
    // The header section is final only when it is handed over: hooks of other features may still have changed it.
    msg.addEventListener("wrote-headers", () => this.#printRequest(session, msg, entry), options);
    msg.addEventListener("wrote-body", () => this.#printStreamedBody(msg, entry), options);
    msg.addEventListener("wrote-body-data", (event) => entry.requestBody?.add(event.chunk), options);
    msg.addEventListener("got-informational", (event) => {
      const { headers, reasonPhrase: reason, status } = event;
      this.#printResponse(msg, entry, { status, reason }, headers, null);
    }, options);
    msg.addEventListener("restarted", () => this.#finishResponse(msg, entry), options);
    msg.addEventListener("finished", () => this.#finishResponse(msg, entry), options);
  }

  /** Remembers the connection of an attempt. Called by the session. */
  requestStarting(_session: FeatureSession, msg: HttpMessage): void {
    const entry = this.#entries.get(msg);
    if (entry === undefined) return;
    entry.attempts++;
    entry.connection = null;
    entry.requestPrinted = false;
    entry.requestBody =
      entry.responseBody =
      entry.answer =
      entry.responseHeaders =
        null;
    entry.responsePending = true;
  }

  /** Remembers the connection of an attempt. Called by the session. */
  requestStarted(_session: FeatureSession, msg: HttpMessage, connection: Connection): void {
    const entry = this.#entries.get(msg);
    if (entry !== undefined) entry.connection = connection;
  }

  /** Chooses the level of the response. Called by the session. */
  gotHeaders(session: FeatureSession, msg: HttpMessage): void {
    const entry = this.#entries.get(msg);
    if (entry === undefined) return;
    this.#printRequest(session, msg, entry); // Answers out of a cache are not handed to a transport.
    entry.responseLevel = this.#options.responseFilter?.(msg) ?? this.level;
    entry.answer = answerOf(msg);
    entry.responseHeaders = msg.responseHeaders;
  }

  /** Takes a copy of the body where bodies are written. Called by the session. */
  transformBody(_session: FeatureSession, msg: HttpMessage): BodyTransform | null {
    const entry = this.#entries.get(msg);
    if (entry === undefined || entry.responseLevel !== "body" || this.maxBodySize === 0) return null;
    const copy = entry.responseBody = new BodyCopy(this.maxBodySize);
    return (body) => watchChunks(body, (chunk) => copy.add(chunk));
  }

  /** Writes the response down. Called by the session. */
  gotBody(_session: FeatureSession, msg: HttpMessage): void {
    const entry = this.#entries.get(msg);
    if (entry === undefined) return;
    if (entry.responseLevel === "body" && entry.responseBody === null && msg.responseBody.byteLength > 0) {
      // A synchronous send has no stream to copy from: its body is here as a whole.
      entry.responseBody = new BodyCopy(this.maxBodySize);
      entry.responseBody.add(msg.responseBody);
    }
    this.#finishResponse(msg, entry);
  }

  /** Ends the watch. Called by the session. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    const entry = this.#entries.get(msg);
    if (entry === undefined) return;
    this.#finishResponse(msg, entry);
    entry.controller.abort();
    this.#entries.delete(msg);
  }

  #printRequest(session: FeatureSession, msg: HttpMessage, entry: Entry): void {
    if (entry.requestPrinted) return;
    entry.requestPrinted = true;
    const level = this.#options.requestFilter?.(msg) ?? this.level;
    if (RANKS[level] < RANKS.minimal) return;
    const target = redactAddress(msg.uri.pathname + msg.uri.search, this.#rules);
    this.#print("minimal", ">", `${msg.method} ${target} HTTP/1.1`);
    this.#print("minimal", ">", `Soup-Debug-Timestamp: ${Math.floor(Date.now() / 1000)}`);
    this.#print("minimal", ">", `Soup-Debug: ${this.#describe(session, entry)}`);
    if (RANKS[level] >= RANKS.headers) {
      this.#print("headers", ">", `Soup-Host: ${msg.uri.host}`);
      this.#printHeaders(">", msg.requestHeaders);
    }
    if (level === "body" && msg.requestBody instanceof Uint8Array) {
      const copy = new BodyCopy(this.maxBodySize);
      copy.add(msg.requestBody);
      this.#printBody(">", copy, msg.requestHeaders);
    } else if (level === "body" && msg.requestBody !== null) {
      entry.requestBody = new BodyCopy(this.maxBodySize); // Its end closes the entry.
      return;
    }
    this.#print("minimal", " ", "");
  }

  #printStreamedBody(msg: HttpMessage, entry: Entry): void {
    if (entry.requestBody === null) return;
    this.#printBody(">", entry.requestBody, msg.requestHeaders);
    this.#print("minimal", " ", "");
    entry.requestBody = null;
  }

  /** Writes what came of an attempt, once; an attempt that never got a response shows its transport status. */
  #finishResponse(msg: HttpMessage, entry: Entry): void {
    if (!entry.responsePending) return;
    entry.responsePending = false;
    this.#printStreamedBody(msg, entry);
    // Who repeats a message ends the round of hooks: nobody behind it is asked about the header section.
    if (entry.responseHeaders === null) entry.responseLevel = this.#options.responseFilter?.(msg) ?? this.level;
    const headers = entry.responseHeaders ?? msg.responseHeaders;
    const failure = failureOf(msg);
    const answer = failure === null ? answerOf(msg) : entry.answer ?? failure;
    this.#printResponse(msg, entry, answer, headers, entry.responseBody, answer === failure ? null : failure);
    entry.responseBody = null;
  }

  #printResponse(
    msg: HttpMessage,
    entry: Entry,
    { reason, status }: Answer,
    headers: Headers,
    body: BodyCopy | null,
    brokenBy: Answer | null = null,
  ): void {
    const level = status >= 100 && status < 200
      ? this.#options.responseFilter?.(msg) ?? this.level
      : entry.responseLevel;
    if (RANKS[level] < RANKS.minimal) return;
    this.#print("minimal", "<", `HTTP/${msg.httpVersion} ${status} ${reason}`);
    this.#print("minimal", "<", `Soup-Debug-Timestamp: ${Math.floor(Date.now() / 1000)}`);
    const passedBy = isWithoutCache(msg) ? ", cache passed by" : "";
    const broken = brokenBy === null ? "" : `, broken off: ${brokenBy.status} ${brokenBy.reason}`;
    this.#print("minimal", "<", `Soup-Debug: SoupMessage ${entry.id}${passedBy}${broken}`);
    if (RANKS[level] >= RANKS.headers) this.#printHeaders("<", headers);
    if (level === "body" && body !== null) this.#printBody("<", body, headers);
    this.#print("minimal", " ", "");
  }

  #describe(session: FeatureSession, entry: Entry): string {
    const sessionId = this.#sessionIds.get(session) ?? ++this.#lastSession;
    this.#sessionIds.set(session, sessionId);
    let socket = "cached";
    if (entry.connection !== null) {
      const id = this.#connectionIds.get(entry.connection) ?? ++this.#lastConnection;
      this.#connectionIds.set(entry.connection, id);
      socket = `GSocket ${id}`;
    }
    const restarted = entry.attempts > 1 ? ", restarted" : "";
    return `SoupSession ${sessionId}, SoupMessage ${entry.id}, ${socket}${restarted}`;
  }

  #printHeaders(direction: LoggerDirection, headers: Headers): void {
    for (const [name, value] of headers) {
      const titled = name.replace(/(^|-)([a-z])/g, (_all, mark: string, letter: string) => mark + letter.toUpperCase());
      this.#print("headers", direction, `${titled}: ${redactHeader(name, value, this.#rules)}`);
    }
  }

  #printBody(direction: LoggerDirection, body: BodyCopy, headers: Headers): void {
    if (body.size === 0 || this.maxBodySize === 0) return;
    this.#print("body", direction, "");
    const text = redactBody(body.text(), headers.get("content-type") ?? "", this.#rules);
    for (const line of text.replace(/\r?\n$/, "").split(/\r?\n/)) this.#print("body", direction, line);
    if (body.omitted > 0) this.#print("body", direction, `[${body.omitted} more bytes]`);
  }

  #print(level: LoggerLevel, direction: LoggerDirection, line: string): void {
    const safe = withoutControls(line);
    if (this.#options.printer !== undefined) this.#options.printer(level, direction, safe);
    else builtin.process.stderr.write(`${direction} ${safe}\n`);
  }
}

/** A server must not be able to move the cursor of the terminal a log is read in. */
function withoutControls(line: string): string {
  return line.replace(
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
