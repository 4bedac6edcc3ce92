/** The TLS handshake over a connected stream, and the verdict about the peer's certificate. */
import { leaveSignal } from "../../internal/signals.ts";
import type { Duplex } from "node:stream";
import type { Gnutls } from "../../ffi/tables/gnutls.ts";
import { type ShownTls, tlsInfo } from "./peer.ts";
import { isResumed, resumptionOf, type Resumptions } from "./resumptions.ts";
import { type Lender, TlsDuplex } from "./tls_duplex.ts";
import { TlsError } from "../errors.ts";
import { TlsSession } from "./tls_session.ts";

/** What a handshake is made for. */
export interface SecureTarget {
  /** Whom the certificate must name, without a final dot. */
  readonly host: string;
  /** The port. */
  readonly port: number;
  /** Whether an untrusted certificate ends the handshake. */
  readonly strict: boolean;
  /** What is offered to the server. */
  readonly alpnProtocols: readonly string[];
  /** Whether writing goes on after the peer has ended. */
  readonly allowHalfOpen: boolean;
  /** Ends the handshake. */
  readonly signal: AbortSignal;
  /** Earlier sessions that trusted the same. */
  readonly resumptions: Resumptions;
}

/** An encrypted stream and what its handshake has shown. */
export interface Secured {
  readonly duplex: TlsDuplex;
  readonly tls: ShownTls;
}

/**
 * Does the handshake. The stream of an untrusted peer is destroyed where certificates count; `tls.errors` says why. Settles
 * only when no call is under way any more: the credentials can be lent again then. Nothing is lent, and the token is not
 * asked, before the server has answered.
 *
 * @throws {TlsError} when the handshake fails; `signal.reason` when aborted
 */
export async function secureStream(
  gnutls: Gnutls,
  raw: Duplex,
  lender: Lender,
  target: SecureTarget,
): Promise<Secured> {
  const { host, signal, strict } = target;
  signal.throwIfAborted();
  const { read, session } = beginSession(gnutls, target);
  const stream = new TlsDuplex(session, raw, { allowHalfOpen: target.allowHalfOpen, read });
  const abort = () => void stream.destroy(asError(signal.reason));
  signal.addEventListener("abort", abort);
  try {
    const step = await stream.handshake(host, lender);
    const tls = stream.alive(() => verdict(gnutls, session, target, step));
    if (strict && tls.errors.length > 0) stream.destroy();
    return { duplex: stream, tls };
  } catch (error) {
    stream.destroy(asError(error));
    throw signal.aborted ? signal.reason : error;
  } finally {
    leaveSignal(signal, abort);
  }
}

/**
 * What a handshake has shown, and what is wrong with the peer's certificate.
 *
 * @throws {TlsError} when the peer has asked for a certificate and was given none
 */
export function verdict(
  gnutls: Gnutls,
  session: TlsSession,
  { host, strict }: { readonly host: string; readonly strict: boolean },
  step: "done" | "untrusted",
): ShownTls {
  let status = 0;
  if (step === "untrusted") {
    status = gnutls.call("gnutls_session_get_verify_cert_status", session.handle) as number;
  } else if (!strict || isResumed(gnutls, session)) status = session.found;
  const tls = tlsInfo(gnutls, session, host, status);
  if (!strict || tls.errors.length === 0) assertSent(gnutls, session, host);
  return tls;
}

/** A session, and what is called after something was read: then there may be something to take it up again with. */
interface Begun {
  readonly session: TlsSession;
  readonly read: () => void;
}

/** Begins a session without credentials so far, as a going on with an earlier one where there is one. */
export function beginSession(
  gnutls: Gnutls,
  { alpnProtocols, host, port, resumptions, strict }: Omit<SecureTarget, "allowHalfOpen" | "signal">,
): Begun {
  const server = JSON.stringify([host, port, strict, alpnProtocols]);
  const resumption = resumptions.take(server);
  const session = new TlsSession(gnutls, { host, alpnProtocols, strict, resumption });
  resumption?.fill(0);
  let isAnswered = resumption === null;
  let isKept = false;
  let seen = -1;
  const read = () => {
    if (!isAnswered) {
      isAnswered = true;
      resumptions.answered(server, isResumed(gnutls, session));
    }
    // With TLS 1.2 it is there from the beginning, with 1.3 it comes in a record that is no data.
    if (isKept || session.otherRecords === seen || !resumptions.wants(server)) return;
    seen = session.otherRecords;
    const data = resumptionOf(gnutls, session);
    if (data === null) return;
    isKept = true;
    resumptions.put(server, data);
  };
  return { session, read };
}

/** A server that asks for a certificate and gets none answers in ways that nobody understands. */
function assertSent(gnutls: Gnutls, { handle }: TlsSession, host: string): void {
  if (gnutls.call("gnutls_certificate_client_get_request_status", handle) === 0) return;
  if (gnutls.call("gnutls_certificate_get_ours", handle) !== 0n) return;
  throw new TlsError(
    `Cannot speak TLS with ${host}: it asks for a client certificate, and takes none with a key and signature ` +
      "algorithm of the one that was given",
    { code: "ERR_TLS_CERTIFICATE_NOT_SENT" },
  );
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
