/**
 * What an attempt that has failed leaves on its message, and a message that is sent once more.
 *
 * @module
 */
import { writable } from "../../internal/writable.ts";
import { noteHeaderSection } from "../message/message_events.ts";
import { type HttpMessage, MessageFlags, messageState, setTrusted } from "../message/message.ts";
import { ownStatus, TransportError } from "../errors.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";

/** The status an error ends a message with. */
export function statusOf(error: unknown): number {
  return ownStatus(error) ?? HttpStatus.IO_ERROR;
}

/** Writes down what an attempt has failed with. */
export function noteFailure(msg: HttpMessage, error: unknown): void {
  const status = statusOf(error);
  const own = error instanceof TransportError ? error : null;
  const state = messageState(msg);
  state.end(status, own?.reason || reasonPhrase(status), own?.cause ?? error);
  state.errorCode = own?.code ?? "";
  state.errorText = own?.message ?? "";
}

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
