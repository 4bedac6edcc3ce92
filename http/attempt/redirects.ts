/**
 * Redirects: the manual's rules for messages, the Fetch standard's for `session.fetch`, and how a message on a queue
 * follows one.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import { isSafeMethod } from "../protocol/headers.ts";
import { HttpStatus } from "../protocol/status.ts";
import { isSameOrigin, schemeClass } from "../protocol/uri.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import type { QueueItem } from "../queue/queue_item.ts";

/** Redirects that are followed before a message fails with TOO_MANY_REDIRECTS, unless it says otherwise. */
const maxRedirects = 20;

/** Redirects that a message follows. */
export function maxRedirectsOf(msg: HttpMessage): number {
  return messageState(msg).own?.maxRedirects ?? maxRedirects;
}

/** True for the statuses a Location header redirects (RFC 9110 §15.4). */
export function isRedirectStatus(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** Whether the manual's rules follow this status for this method, Location aside. */
export function isFollowed(status: number, method: string): boolean {
  if (becomesGet(status, method)) return true;
  return (status === 301 || status === 302 || status === 307 || status === 308) && isSafeMethod(method);
}

/** Whether the retried request is a GET: 303, 302 of an unsafe method, 301 of POST. */
export function becomesGet(status: number, method: string): boolean {
  return status === 303 || (status === 302 && !isSafeMethod(method)) || (status === 301 && method === "POST");
}

/** The Fetch standard's rule for the same question: only POST changes at 301 and 302 (Fetch §4.4, HTTP-redirect fetch). */
export function fetchBecomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}

/**
 * Where a response's Location leads, relative to the message's URI; null when it is absent, "invalid" when it cannot be
 * followed: empty, unparsable or without a host. User information in it comes from the server and is dropped; within
 * its origin the message keeps its own. Its fragment is the Location's own.
 */
export function redirectTarget(msg: HttpMessage): URL | "invalid" | null {
  const location = msg.responseHeaders.get("location");
  if (location === null) return null;
  if (location.trim() === "") return "invalid";
  let target: URL;
  try {
    target = new URL(utf8(location), msg.uri);
  } catch {
    return "invalid";
  }
  if (target.hostname === "") return "invalid";
  if (messageState(msg).upgrade !== null) target.protocol = target.protocol.replace(/^ws/, "http");
  const isSame = isSameOrigin(msg.uri, target);
  target.username = isSame ? msg.uri.username : "";
  target.password = isSame ? msg.uri.password : "";
  return target;
}

/** As {@linkcode redirectTarget}, by the Fetch standard: a Location without a fragment keeps that of the request (§4.4). */
export function fetchRedirectTarget(msg: HttpMessage): URL | "invalid" | null {
  const target = redirectTarget(msg);
  if (target instanceof URL && target.hash === "" && msg.uri.hash !== "") target.hash = msg.uri.hash;
  return target;
}

/** A Location with bytes beyond ASCII means UTF-8 to those who write one, and to browsers; header values are Latin-1. */
function utf8(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(value, (char) => char.charCodeAt(0)));
  } catch {
    return value;
  }
}

/** Turns the message into a GET, or leaves HEAD, and drops body and its header fields. */
export function rewriteAsGet(msg: HttpMessage): void {
  if (msg.method !== "HEAD") msg.method = "GET";
  msg.requestBody = null;
  if (!msg.hasRequestHeaders) return;
  const ofBody = ["type", "length", "encoding", "language", "location", "digest"];
  for (const name of ofBody) msg.requestHeaders.delete(`content-${name}`);
}

/** Points the message elsewhere; what identifies the user stays with the origin it was meant for. */
export function moveTo(msg: HttpMessage, target: URL): void {
  if (!isSameOrigin(msg.uri, target)) {
    if (msg.hasRequestHeaders) {
      for (const name of ["authorization", "proxy-authorization", "cookie", "host"]) msg.requestHeaders.delete(name);
    }
    const { tls } = msg;
    if (tls?.clientCertificate && typeof tls.clientCertificate !== "function") {
      msg.tls = { ...tls, clientCertificate: null };
    }
  }
  messageState(msg).sentTo = null;
  msg.uri = target;
}

/** `soup_session_would_redirect`. */
export function wouldRedirect(core: HttpSessionCore, msg: HttpMessage): boolean {
  if (!isFollowed(msg.statusCode, msg.method)) return false;
  const target = redirectTarget(msg);
  return target !== null && target !== "invalid" && isSendable(core, msg, target);
}

/** What is to be spoken in place of HTTP is not led from where it is encrypted to where everybody reads it. */
function isSendable(core: HttpSessionCore, msg: HttpMessage, uri: URL): boolean {
  if (messageState(msg).upgrade !== null) {
    return uri.protocol === "https:" || (uri.protocol === "http:" && core.session.schemeOf(msg.uri) === "http");
  }
  return schemeClass(uri.protocol.slice(0, -1), core.settings.values.httpAliases, core.settings.values.httpsAliases) !==
    null;
}

/** `soup_session_redirect_message`: false if the response leads nowhere or the message has left the queue. */
export function redirectMessage(core: HttpSessionCore, item: QueueItem): boolean {
  const { msg } = item;
  // Asked for twice, it is done once: a relative Location leads elsewhere from where it has led already.
  if (item.followed !== msg.responseHeaders && !pointToLocation(core, item)) return false;
  core.requeue(msg, {});
  return true;
}

function pointToLocation(core: HttpSessionCore, item: QueueItem): boolean {
  const { msg } = item;
  const target = redirectTarget(msg);
  if (target === null || target === "invalid" || !isSendable(core, msg, target)) return false;
  if (item.redirects >= maxRedirectsOf(msg)) {
    core.cancel(item, HttpStatus.TOO_MANY_REDIRECTS, { error: tooMany(msg) });
    return false;
  }
  item.redirects++;
  item.followed = msg.responseHeaders;
  if (becomesGet(msg.statusCode, msg.method)) rewriteAsGet(msg);
  moveTo(msg, target);
  return true;
}

/** At got-body: follows the redirect the manual's rules follow; a Location that cannot be followed corrupts the message. */
export function followRedirect(core: HttpSessionCore, item: QueueItem): void {
  const { msg } = item;
  if (!isFollowed(msg.statusCode, msg.method) || !msg.responseHeaders.has("location")) return;
  if (redirectTarget(msg) === "invalid") {
    const error = new TransportError(
      HttpStatus.MALFORMED,
      "response",
      `Cannot follow the redirect from ${msg.uri.host}: its Location names no host that can be asked`,
    );
    core.cancel(item, HttpStatus.MALFORMED, { reason: "Invalid Redirect URL", error });
    return;
  }
  redirectMessage(core, item);
}

/** Why a chain of redirects ends. */
export function tooMany(msg: HttpMessage): TransportError {
  return new TransportError(
    HttpStatus.TOO_MANY_REDIRECTS,
    "response",
    `Cannot follow the redirect from ${msg.uri.origin}: ${maxRedirectsOf(msg)} were followed already`,
  );
}
