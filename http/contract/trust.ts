/**
 * What an answer is worth: whether its server was the one that was asked.
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

/**
 * False when an encrypted answer came from a server that showed no trusted certificate, which `sslStrict = false` lets
 * pass: what it says is good for this message and for no one who is stricter. With certificates left unchecked only a
 * transport that checked all the same can vouch for the server.
 */
export function isVerified(session: FeatureSession, msg: HttpMessage): boolean {
  if (session.schemeOf(msg.uri) !== "https") return true;
  if (msg.tlsErrors.length > 0) return false;
  const isStrict = connectionOf(msg)?.target.tls.strict ?? session.sslStrict;
  return isStrict || msg.hasFlag(MessageFlags.CERTIFICATE_TRUSTED);
}
