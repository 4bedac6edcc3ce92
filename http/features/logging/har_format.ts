/**
 * The HTTP Archive format, version 1.2, as far as a session fills it.
 *
 * @module
 */
import { isWithoutCache } from "../../contract/blocking.ts";
import { type HttpMessage, MessageFlags, messageState } from "../../message/message.ts";
import { type Answer, answerOf, type BodyCopy, failureOf } from "./body_copy.ts";
import { redactAddress, redactBody, redactHeader, type RedactionRules } from "./redaction.ts";

/** A name with a value: a header field, a query parameter, a cookie. */
export interface HarPair {
  /** Its name. */
  name: string;
  /** Its value; secrets are hidden unless the recorder shows them. */
  value: string;
}

/** What was sent. */
export interface HarRequest {
  /** Method. */
  method: string;
  /** Absolute URL without fragment and user information. */
  url: string;
  /** For example "HTTP/1.1". */
  httpVersion: string;
  /** Cookies of the Cookie field. */
  cookies: HarPair[];
  /** Header fields. */
  headers: HarPair[];
  /** Query parameters. */
  queryString: HarPair[];
  /** The body, when there was one. */
  postData?: { mimeType: string; text: string; params: HarPair[]; comment?: string | undefined } | undefined;
  /** Bytes of the header section; -1 as it is not known. */
  headersSize: number;
  /** Bytes of the body. */
  bodySize: number;
}

/** What was received. */
export interface HarResponse {
  /** Status code, also of a response whose body was left or has broken off; 0 when there was no response. */
  status: number;
  /** Reason phrase. */
  statusText: string;
  /** For example "HTTP/1.1". */
  httpVersion: string;
  /** Cookies of the Set-Cookie fields. */
  cookies: HarPair[];
  /** Header fields. */
  headers: HarPair[];
  /** The decoded body; `encoding` is "base64" for what is no text. */
  content: {
    size: number;
    compression?: number | undefined;
    mimeType: string;
    text?: string | undefined;
    encoding?: "base64" | undefined;
    comment?: string | undefined;
  };
  /** The Location field, or "". */
  redirectURL: string;
  /** Bytes of the header section; -1 as it is not known. */
  headersSize: number;
  /** Bytes of the body on the wire; 0 where a cache has answered. */
  bodySize: number;
  /** The session's status below 100 when there was no complete response: what it is, whether the status is 0 or not. */
  _transportStatus?: number | undefined;
  /** Why there was no complete response. */
  _error?: string | undefined;
}

/** Milliseconds of each phase; -1 where a phase did not happen or is not known. */
export interface HarTimings {
  /** Waiting for a connection. */
  blocked: number;
  /** Resolving the name. */
  dns: number;
  /** Connecting, TLS included. */
  connect: number;
  /** Sending; counted into `wait`, which begins when the request is handed over. */
  send: number;
  /** Until the response's header section. */
  wait: number;
  /** Until the end of the body. */
  receive: number;
  /** The TLS handshake. */
  ssl: number;
}

/** One attempt: a redirect, a retry and an authentication round are entries of their own. */
export interface HarEntry {
  /** When the attempt began, ISO 8601. */
  startedDateTime: string;
  /** Milliseconds in all. */
  time: number;
  /** What was sent. */
  request: HarRequest;
  /** What was received. */
  response: HarResponse;
  /** Always empty: what a cache held before and after is not said. */
  cache: Record<string, never>;
  /** True where a cache has answered and no server was asked; absent otherwise. */
  _fromCache?: boolean | undefined;
  /** How long each phase took. */
  timings: HarTimings;
  /** Number of the connection; absent when none was used. */
  connection?: string | undefined;
  /**
   * Says that the cache was passed by, as its store answers later than a synchronous send can wait for; or that only a
   * cache might answer and none had anything.
   */
  comment?: string | undefined;
}

/** An HTTP Archive. */
export interface HarLog {
  /** Its only member. */
  log: {
    version: "1.2";
    creator: { name: string; version: string };
    entries: HarEntry[];
  };
}

/** What was noted during one attempt. Times are `performance.now()`. */
export interface Recording {
  startedAt: Date;
  began: number;
  events: Map<string, number>;
  connectionId: number | null;
  /** What was sent; null before it was. A redirect may have changed the message before the attempt is told of. */
  sent: SentRequest | null;
  requestBody: BodyCopy | null;
  /** What the server has answered; null before it has, or where nobody was asked about it. */
  answer: Answer | null;
  responseBody: BodyCopy | null;
}

/** A request as it was sent. */
export interface SentRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
}

/** A message as it is sent now. */
export function sentRequest(msg: HttpMessage): SentRequest {
  return { method: msg.method, url: msg.uri.href, headers: new Headers(msg.requestHeaders) };
}

/** The entry of an attempt that has ended; `rules` is null when nothing is hidden. */
export function entryOf(msg: HttpMessage, recording: Recording, rules: RedactionRules | null): HarEntry {
  const timings = timingsOf(msg, recording);
  const { blocked, dns, connect, send, wait, receive } = timings;
  return {
    startedDateTime: recording.startedAt.toISOString(),
    time: [blocked, dns, connect, send, wait, receive].reduce((sum, part) => sum + Math.max(part, 0), 0),
    request: requestOf(msg, recording, rules),
    response: responseOf(msg, recording, rules),
    cache: {},
    timings,
    ...(recording.connectionId === null ? {} : { connection: String(recording.connectionId) }),
    ...(isFromCache(msg) ? { _fromCache: true } : {}),
    ...commentOn(msg),
  };
}

function isFromCache(msg: HttpMessage): boolean {
  return messageState(msg).answeredBy === "cache";
}

function commentOn(msg: HttpMessage): Pick<HarEntry, "comment"> {
  if (isWithoutCache(msg)) return { comment: "cache passed by" };
  return messageState(msg).answeredBy === "nobody" ? { comment: "no cache had an answer, no server was asked" } : {};
}

function timingsOf(msg: HttpMessage, { began, events }: Recording): HarTimings {
  const { started, firstByte } = msg.metrics;
  const end = msg.metrics.finished || performance.now();
  const between = (from: string, to: string) => {
    const [start, stop] = [events.get(from), events.get(to)];
    return start === undefined || stop === undefined ? -1 : round(stop - start);
  };
  const dns = between("resolving", "resolved");
  const connect = between("connecting", "complete");
  const wasSent = started >= began;
  const answered = wasSent && firstByte >= started;
  return {
    blocked: round((wasSent ? started : end) - began - Math.max(dns, 0) - Math.max(connect, 0)),
    dns,
    connect,
    send: 0,
    wait: wasSent ? round((answered ? firstByte : end) - started) : 0,
    receive: answered ? round(end - firstByte) : 0,
    ssl: between("tls-handshaking", "tls-handshaked"),
  };
}

function round(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1000) / 1000);
}

/** The message has what the last feature has added, unless it is another request by now. */
function requestOf(msg: HttpMessage, { requestBody, sent }: Recording, rules: RedactionRules | null): HarRequest {
  const isOther = sent !== null && (sent.method !== msg.method || sent.url !== msg.uri.href);
  const { headers, method, url: address } = isOther ? sent : sentRequest(msg);
  const url = new URL(address);
  url.hash = url.username = url.password = "";
  const shownUrl = rules === null ? url.href : redactAddress(url.href, rules);
  const query = new URLSearchParams(/\?([^#]*)/.exec(shownUrl)?.[1] ?? "");
  const mimeType = headers.get("content-type") ?? "";
  return {
    method,
    url: shownUrl,
    httpVersion: `HTTP/${msg.httpVersion}`,
    cookies: cookiesOf(headers.get("cookie")?.split(";") ?? [], rules),
    headers: fieldsOf(headers, rules),
    queryString: [...query].map(([name, value]) => ({ name, value })),
    ...(requestBody === null || requestBody.size === 0 ? {} : {
      postData: {
        mimeType,
        text: rules === null ? requestBody.text() : redactBody(requestBody.text(), mimeType, rules),
        params: [],
        ...omission(requestBody),
      },
    }),
    headersSize: -1,
    bodySize: requestBody?.size ?? 0,
  };
}

function responseOf(msg: HttpMessage, recording: Recording, rules: RedactionRules | null): HarResponse {
  const failure = failureOf(msg);
  const answer = failure === null ? answerOf(msg) : recording.answer ?? { status: 0, reason: "" };
  const headers = msg.responseHeaders;
  const location = headers.get("location") ?? "";
  return {
    status: answer.status,
    statusText: answer.reason,
    httpVersion: `HTTP/${msg.httpVersion}`,
    cookies: cookiesOf(headers.getSetCookie().map((value) => value.split(";")[0] ?? ""), rules),
    headers: fieldsOf(headers, rules),
    content: contentOf(msg, recording.responseBody, rules),
    redirectURL: rules === null ? location : redactAddress(location, rules),
    headersSize: -1,
    bodySize: isFromCache(msg) ? 0 : msg.metrics.responseBodyBytes,
    ...(failure === null ? {} : { _transportStatus: failure.status, _error: failure.reason }),
  };
}

function contentOf(msg: HttpMessage, body: BodyCopy | null, rules: RedactionRules | null): HarResponse["content"] {
  const mimeType = msg.responseHeaders.get("content-type") ?? "";
  const size = body?.size ?? 0;
  const wireSize = msg.metrics.responseBodyBytes;
  const content: HarResponse["content"] = { size, mimeType };
  if (size > wireSize && wireSize > 0) content.compression = size - wireSize;
  if (body === null || size === 0) return content;
  const text = body.exactText();
  const isEncoded = msg.responseHeaders.has("content-encoding") && !msg.hasFlag(MessageFlags.CONTENT_DECODED);
  if (text !== null) content.text = rules === null ? text : redactBody(text, mimeType, rules);
  else if (rules !== null && isEncoded) {
    content.comment = "not recorded: secrets cannot be hidden in a body that is still encoded";
    return content;
  } else Object.assign(content, binaryContent(body, mimeType, rules));
  return Object.assign(content, omission(body));
}

/** What is no text in UTF-8 may have parts that are: it is shown as text where there is something to hide in it. */
function binaryContent(
  body: BodyCopy,
  mimeType: string,
  rules: RedactionRules | null,
): Pick<HarResponse["content"], "text" | "encoding"> {
  if (rules !== null) {
    const text = body.text();
    const shown = redactBody(text, mimeType, rules);
    if (shown !== text) return { text: shown };
  }
  return { text: body.base64(), encoding: "base64" };
}

function omission(body: BodyCopy): { comment?: string } {
  return body.omitted === 0 ? {} : { comment: `${body.omitted} more bytes were not recorded` };
}

function fieldsOf(headers: Headers, rules: RedactionRules | null): HarPair[] {
  return [...headers].map(([name, value]) => ({
    name,
    value: rules === null ? value : redactHeader(name, value, rules),
  }));
}

function cookiesOf(pairs: string[], rules: RedactionRules | null): HarPair[] {
  return pairs.map((pair) => pair.trim()).filter((pair) => pair !== "").map((pair) => {
    const equals = pair.indexOf("=");
    const name = equals < 0 ? "" : pair.slice(0, equals);
    return { name, value: rules === null ? pair.slice(equals + 1) : "****" };
  });
}
