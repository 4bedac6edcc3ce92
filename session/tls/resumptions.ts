/** What sessions have left to be taken up again, so that no token has to sign: each is used once at most. */
import { GNUTLS, type Gnutls } from "../../ffi/tables/gnutls.ts";
import { secretBytes } from "../../internal/bytes.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { memory } from "./native_memory.ts";
import type { TlsSession } from "./tls_session.ts";

/** Servers that are remembered. */
const MOST = 64;
/** A server that has refused so many in a row takes none, as do many that hand out tickets all the same: */
const REFUSALS = 3;
/** then so many connections are made to it without an offer. */
const WITHOUT = 16;
/** gnutls_protocol_t of TLS 1.3. */
const TLS_1_3 = 5;

/** What is known of a server. */
interface Server {
  data: Uint8Array | null;
  /** How many it has refused since it has taken one up. */
  refusals: number;
  /** Connections that are still made without an offer. */
  without: number;
}

/** The sessions of one client certificate. */
export class Resumptions {
  readonly #byServer = new Map<string, Server>();

  /** What there is for a server, which is given up by that. */
  take(server: string): Uint8Array | null {
    const known = this.#byServer.get(server);
    if (known === undefined) return null;
    if (known.without > 0) known.without--;
    const { data } = known;
    known.data = null;
    return data;
  }

  /** Whether what a session leaves would be offered to its server. */
  wants(server: string): boolean {
    return (this.#byServer.get(server)?.without ?? 0) === 0;
  }

  /** A server has taken up what it was offered, or not. */
  answered(server: string, isResumed: boolean): void {
    const known = this.#byServer.get(server);
    if (known === undefined) return;
    known.refusals = isResumed ? 0 : known.refusals + 1;
    if (known.refusals < REFUSALS) return;
    known.without = WITHOUT;
    known.data?.fill(0);
    known.data = null;
  }

  /** Keeps what a session has left. */
  put(server: string, data: Uint8Array): void {
    const refusals = this.#byServer.get(server)?.refusals ?? 0;
    this.#forget(server);
    if (this.#byServer.size >= MOST) this.#forget(this.#byServer.keys().next().value!);
    this.#byServer.set(server, { data, refusals, without: 0 });
  }

  #forget(server: string): void {
    this.#byServer.get(server)?.data?.fill(0);
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
