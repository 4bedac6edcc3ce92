/**
 * What the worker asks of the caller's thread, which waits for it: the functions that know the way of messages, and the
 * TLS of connections whose encrypted stream a `ClientTls` of this thread makes; the worker has the sockets.
 *
 * @module
 */
import { NotSupportedError } from "../errors.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { isClientTls } from "../transports/client_tls.ts";
import { checkAddresses } from "../transports/host_lookup.ts";
import type { BlockingTls, TlsSettings } from "../transports/transport.ts";
import { socketFor } from "../transports/unix_socket.ts";
import { plainError, type TlsCall, type TlsReply, type WayCall, type WayReply } from "./sync_protocol.ts";

/**
 * Asks the session's `lookup` or `unixSocket` for the worker. What they throw goes there.
 *
 * @throws {NotSupportedError} If the answer comes later: nobody can wait for it.
 */
export function wayOf(core: HttpSessionCore, { of }: WayCall): WayReply {
  const { lookup, unixSocket } = core.settings.values;
  const answer: WayReply = { kind: "way", addresses: [], path: null, error: null };
  try {
    if ("url" in of) return { ...answer, path: socketFor(unixSocket, new URL(of.url)) };
    const found = lookup?.(of.host, { signal: new AbortController().signal });
    if (!(found instanceof Promise)) return { ...answer, addresses: checkAddresses(found) };
    found.catch(() => {}); // Nobody waits for it.
  } catch (error) {
    return { ...answer, error: plainError(error) };
  }
  const { runtime } = core.transports.capabilities;
  throw new NotSupportedError("send synchronously with this lookup", runtime, "it answers later, and the thread waits");
}

/** The streams by their numbers. */
export class CallerTls {
  readonly #streams = new Map<number, BlockingTls>();

  /** Does what the worker asks for; an error goes back to it. */
  answer(call: TlsCall, { client, roots }: TlsSettings): TlsReply {
    for (const id of call.closed) this.#close(id);
    try {
      let stream = this.#streams.get(call.id);
      if (call.open !== null) {
        if (client === null || !isClientTls(client)) throw new TypeError("Cannot begin TLS: nobody makes it here");
        stream = client.connectSync!({ ...call.open, roots });
        this.#streams.set(call.id, stream);
      }
      if (stream === undefined) throw new TypeError("Cannot go on with TLS: the connection was closed");
      return { kind: "tls", ...stream.exchange(call.received, call.written), tls: stream.tls, error: null };
    } catch (error) {
      this.#close(call.id);
      return { kind: "tls", encrypted: [], decrypted: [], hasEnded: true, tls: null, error: plainError(error) };
    }
  }

  /** Frees everything. */
  close(): void {
    for (const id of [...this.#streams.keys()]) this.#close(id);
  }

  #close(id: number): void {
    this.#streams.get(id)?.close();
    this.#streams.delete(id);
  }
}
