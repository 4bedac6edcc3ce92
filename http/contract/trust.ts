/**
 * Whether a response can be relied on: whether its server has proved to be the one that was asked.
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import { type HttpMessage, MessageFlags, messageState } from "../message/message.ts";
import type { FeatureSession } from "./feature_session.ts";

/** The connection a message's present attempt goes over; null before one is chosen, and for answers of caches. */
export function connectionOf(msg: HttpMessage): Connection | null {
  const state = messageState(msg);
  return state.item?.connection ?? state.remoteConnection;
}

/** Whether a message refuses certificates that are not trusted. */
export function isStrict(session: FeatureSession, msg: HttpMessage): boolean {
  return msg.tls?.sslStrict ?? session.sslStrict;
}

/**
 * False when a response came over TLS from a server without a trusted certificate, which `sslStrict = false` permits:
 * it is valid for this message, but not for a session that checks certificates. Where they are not checked, the server
 * is known only if the transport has checked its certificate all the same.
 */
export function isVerified(session: FeatureSession, msg: HttpMessage): boolean {
  if (session.schemeOf(msg.uri) !== "https") return true;
  if (msg.tlsErrors.length > 0) return false;
  const wasStrict = connectionOf(msg)?.target.tls.strict ?? isStrict(session, msg);
  return wasStrict || msg.hasFlag(MessageFlags.CERTIFICATE_TRUSTED);
}
