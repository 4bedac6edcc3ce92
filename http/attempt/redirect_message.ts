/**
 * Redirects of messages on a queue.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import { becomesGet, isFollowed, maxRedirectsOf, moveTo, redirectTarget, rewriteAsGet } from "./redirect_rules.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { HttpStatus } from "../protocol/status.ts";
import { schemeClass } from "../protocol/uri.ts";

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
