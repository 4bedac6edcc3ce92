/**
 * A message that is sent once more.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import { noteHeaderSection } from "../message/message_events.ts";
import { type HttpMessage, MessageFlags, messageState, setTrusted } from "../message/message.ts";

/** Wipes what an earlier attempt left on a message. */
export function forgetResponse(msg: HttpMessage): void {
  const state = messageState(msg);
  state.end(0, "", null);
  state.httpVersion = "1.1";
  state.trailers = null;
  state.tlsCertificate = null;
  state.tlsErrors = [];
  msg.responseHeaders = new Headers();
  if (msg.hasFlag(MessageFlags.CONTENT_DECODED)) msg.flags.delete(MessageFlags.CONTENT_DECODED);
  setTrusted(msg, false);
  state.clearBody();
  state.dropUpgraded();
  state.errorCode = "";
  state.errorText = "";
  state.answeredBy = "server";
  const metrics = writable(msg.metrics);
  metrics.started = metrics.firstByte = metrics.finished = 0;
  metrics.requestBodyBytes = metrics.responseBodyBytes = 0;
  noteHeaderSection(msg.metrics, 0);
}
