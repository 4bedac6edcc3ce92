/** What sessions have left to be taken up again, so that no token has to sign: each is used once at most. */
import { GNUTLS, type Gnutls } from "../../ffi/tables/gnutls.ts";
import { secretBytes } from "../../internal/secret_bytes.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { memory } from "./native_memory.ts";
import type { TlsSession } from "./tls_session.ts";

/** Servers that are remembered. */
const MOST = 64;
/** gnutls_protocol_t of TLS 1.3. */
const TLS_1_3 = 5;

/** The sessions of one client certificate. */
export class Resumptions {
  readonly #byServer = new Map<string, Uint8Array>();

  /** What there is for a server, which is given up by that. */
  take(server: string): Uint8Array | null {
    const data = this.#byServer.get(server) ?? null;
    this.#byServer.delete(server);
    return data;
  }

  /** Keeps what a session has left. */
  put(server: string, data: Uint8Array): void {
    this.#forget(server);
    if (this.#byServer.size >= MOST) this.#forget(this.#byServer.keys().next().value!);
    this.#byServer.set(server, data);
  }

  #forget(server: string): void {
    this.#byServer.get(server)?.fill(0);
    this.#byServer.delete(server);
  }

  /** Overwrites everything. */
  clear(): void {
    for (const server of [...this.#byServer.keys()]) this.#forget(server);
  }
}

/** What a session leaves to be taken up again; null for nothing so far, as TLS 1.3 gives it some time after the handshake. */
export function resumptionOf(gnutls: Gnutls, { handle }: TlsSession): Uint8Array | null {
  const flags = gnutls.call("gnutls_session_get_flags", handle) as number;
  const hasTicket = (flags & GNUTLS.SFLAGS_SESSION_TICKET) !== 0;
  // GnuTLS would wait for a ticket.
  if (!hasTicket && gnutls.int("gnutls_protocol_get_version", handle) >= TLS_1_3) return null;
  const datum = memory(16);
  if (gnutls.int("gnutls_session_get_data2", handle, datum.base) < 0) return null;
  const address = datum.getPointer(0);
  const data = secretBytes(datum.view.getUint32(8, true));
  nativeRuntime().read(address, data);
  gnutls.call("free", address);
  return data;
}

/** Whether a session goes on with an earlier one: its peer has shown no certificate again. */
export function isResumed(gnutls: Gnutls, { handle }: TlsSession): boolean {
  return gnutls.int("gnutls_session_is_resumed", handle) !== 0;
}
