/**
 * Who asks, and who was answered: an answer goes to nobody else, and what nobody has vouched for to nobody stricter.
 *
 * @module
 */
import { createHash, randomUUID } from "node:crypto";
import { clientCertificateFor, isClientTls } from "../../transports/client_tls.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import type { HttpMessage } from "../../message/message.ts";
import { messageState } from "../../message/message.ts";
import type { TlsSettings } from "../../transports/transport.ts";
import { connectionOf, isVerified } from "../../contract/trust.ts";
import { defaultPort } from "../../protocol/uri.ts";

/** Stands before the digest of an answer that came without a trusted certificate. */
const UNVERIFIED = "unverified ";

/** Who was answered. */
export interface Answered {
  /** What records keep of it: a digest; empty for nobody in particular. */
  readonly authorization: string;
  /** Somebody was identified by the connection, not by a field of the request. */
  readonly isIdentified: boolean;
}

/**
 * What stored answers may have been given to for this message to have them, the likeliest first: who it goes out as, and
 * whether a trusted certificate is asked for.
 */
export function requestersOf(session: FeatureSession, msg: HttpMessage): readonly string[] {
  const item = messageState(msg).item;
  const isTls = session.schemeOf(msg.uri) === "https";
  const client = isTls && !msg.omitsCredentials
    ? clientCertificateFor(session.clientCertificate, `https://${msg.uri.host}`)
    : null;
  const requester = digestOf(msg, item?.identity ?? "", client);
  return isTls && !session.sslStrict ? [requester, UNVERIFIED + requester] : [requester];
}

/** Who has been answered, as the connection shows. */
export function answeredOf(session: FeatureSession, msg: HttpMessage): Answered {
  const connection = connectionOf(msg);
  const identity = connection?.identities?.find(({ isForProxy }) => !isForProxy)?.name ?? "";
  const client = connection?.target.scheme === "https" ? connection.target.tls.client : null;
  const digest = digestOf(msg, identity, client);
  return {
    authorization: isVerified(session, msg) ? digest : UNVERIFIED + digest,
    isIdentified: identity !== "" || client !== null,
  };
}

/** Whether the Host field of a message names another host than its URI: what is asked for then is not the URI. */
export function asksAnotherHost(session: FeatureSession, msg: HttpMessage): boolean {
  const field = msg.hasRequestHeaders ? msg.requestHeaders.get("host") : null;
  if (field === null) return false;
  const port = `:${defaultPort(session.schemeOf(msg.uri) ?? "http")}`;
  const bare = (host: string) => host.endsWith(port) ? host.slice(0, -port.length) : host;
  return bare(field.trim().toLowerCase()) !== bare(msg.uri.host);
}

/** A digest, so that no credentials are kept; the rounds of an authenticated connection say less than its user. */
function digestOf(msg: HttpMessage, identity: string, client: TlsSettings["client"]): string {
  const field = identity === "" && msg.hasRequestHeaders ? msg.requestHeaders.get("authorization") : null;
  if (identity === "" && client === null) return field === null ? "" : sha256(field);
  return sha256(JSON.stringify([field, identity, client === null ? "" : clientName(client)]));
}

const clientNames = new WeakMap<object, string>();

/** The certificate's fingerprint; what makes the stream itself shows its certificate to nobody here. */
function clientName(client: NonNullable<TlsSettings["client"]>): string {
  let name = clientNames.get(client);
  if (name === undefined) clientNames.set(client, name = isClientTls(client) ? randomUUID() : sha256(client.cert));
  return name;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
