/**
 * The requester of a message and the recipient of a stored response. A stored response is reused for its recipient
 * alone, and one from a server without a trusted certificate only where certificates are not checked.
 *
 * @module
 */
import { builtin } from "../../../internal/builtin_modules.ts";
import { clientCertificateFor, isClientTls } from "../../transports/client_tls.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import type { HttpMessage } from "../../message/message.ts";
import { messageState } from "../../message/message.ts";
import type { TlsSettings } from "../../transports/transport.ts";
import { connectionOf, isStrict, isVerified } from "../../contract/trust.ts";
import { defaultPort } from "../../protocol/uri.ts";

/** Prefix of the digest for a response that came without a trusted certificate. */
const UNVERIFIED = "unverified ";

/** To whom a response was given. */
export interface Recipient {
  /** As records keep it: a digest; empty where the request identified nobody. */
  readonly authorization: string;
  /** Somebody was identified by the connection, not by a field of the request. */
  readonly isIdentified: boolean;
}

/**
 * The recipients whose stored responses this message may have, the likeliest first. They depend on the identity it is
 * sent with, and on whether a trusted certificate is required.
 */
export function requestersOf(session: FeatureSession, msg: HttpMessage): readonly string[] {
  const item = messageState(msg).item;
  const isTls = session.schemeOf(msg.uri) === "https";
  const option = msg.tls?.clientCertificate;
  const client = isTls && !msg.omitsCredentials
    ? clientCertificateFor(option === undefined ? session.clientCertificate : option, `https://${msg.uri.host}`)
    : null;
  const requester = digestOf(msg, item?.identity ?? "", client);
  return isTls && !isStrict(session, msg) ? [requester, UNVERIFIED + requester] : [requester];
}

/** To whom a response was given, according to its connection. */
export function recipientOf(session: FeatureSession, msg: HttpMessage): Recipient {
  const connection = connectionOf(msg);
  const identity = connection?.identities?.find(({ isForProxy }) => !isForProxy)?.name ?? "";
  const client = connection?.target.scheme === "https" ? connection.target.tls.client : null;
  const digest = digestOf(msg, identity, client);
  return {
    authorization: isVerified(session, msg) ? digest : UNVERIFIED + digest,
    isIdentified: identity !== "" || client !== null,
  };
}

/** Whether the Host field of a message names another host than its URI: then the response is not one of that URI. */
export function namesOtherHost(session: FeatureSession, msg: HttpMessage): boolean {
  const field = msg.hasRequestHeaders ? msg.requestHeaders.get("host") : null;
  if (field === null) return false;
  const port = `:${defaultPort(session.schemeOf(msg.uri) ?? "http")}`;
  const bare = (host: string) => host.endsWith(port) ? host.slice(0, -port.length) : host;
  return bare(field.trim().toLowerCase()) !== bare(msg.uri.host);
}

/**
 * A digest, so that no credentials are kept. The fields of a connection that is being authenticated say less than its
 * user.
 */
function digestOf(msg: HttpMessage, identity: string, client: TlsSettings["client"]): string {
  const field = identity === "" && msg.hasRequestHeaders ? msg.requestHeaders.get("authorization") : null;
  const server = serverOf(msg);
  const isPlain = identity === "" && client === null && server.length === 0;
  if (isPlain) return field === null ? "" : sha256(field);
  return sha256(JSON.stringify([field, identity, client === null ? "" : clientName(client), ...server]));
}

/**
 * What decides, besides the URI, which server answers a message: what comes from a unix socket is nothing that the host
 * of the network has said, and what is vouched for by roots of the message's own is so for messages that have the same.
 */
function serverOf(msg: HttpMessage): string[] {
  const socket = messageState(msg).item?.unixSocket;
  const roots = msg.tls?.tlsDatabase;
  return [
    ...(typeof socket === "string" ? ["unix", socket] : []),
    ...(roots === undefined
      ? []
      : ["roots", roots === null ? "" : sha256(roots.isSystem ? "system" : roots.pem().join(""))]),
  ];
}

const clientNames = new WeakMap<object, string>();

/** A digest of the client certificate; a ClientTls, which does not show its certificate, gets a random name. */
function clientName(client: NonNullable<TlsSettings["client"]>): string {
  let name = clientNames.get(client);
  if (name === undefined) {
    clientNames.set(client, name = isClientTls(client) ? builtin.crypto.randomUUID() : sha256(client.cert));
  }
  return name;
}

function sha256(text: string): string {
  return builtin.crypto.createHash("sha256").update(text).digest("base64url");
}
