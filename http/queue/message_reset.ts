/**
 * A message that is sent once more.
 *
 * @module
 */
import { type HttpMessage, MessageFlags, messageState } from "../message/message.ts";

/** Wipes what an earlier attempt left on a message. */
export function forgetResponse(msg: HttpMessage): void {
  msg.statusCode = 0;
  msg.reasonPhrase = "";
  msg.httpVersion = "1.1";
  msg.responseHeaders = new Headers();
  msg.error = null;
  msg.trailers = null;
  msg.tlsCertificate = null;
  msg.tlsErrors = [];
  if (msg.hasFlag(MessageFlags.CONTENT_DECODED)) msg.flags.delete(MessageFlags.CONTENT_DECODED);
  if (msg.hasFlag(MessageFlags.CERTIFICATE_TRUSTED)) msg.flags.delete(MessageFlags.CERTIFICATE_TRUSTED);
  const state = messageState(msg);
  state.clearBody();
  state.errorCode = "";
  state.errorText = "";
  const { metrics } = msg;
  metrics.started = metrics.firstByte = metrics.finished = 0;
  metrics.requestBodyBytes = metrics.responseBodyBytes = metrics.responseHeaderBytes = 0;
}
