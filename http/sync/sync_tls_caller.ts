/**
 * The caller's side of connections whose encrypted stream a `ClientTls` of this thread makes: the worker has the sockets,
 * this thread, which waits for it, the TLS.
 *
 * @module
 */
import { isClientTls } from "../transports/client_tls.ts";
import type { BlockingTls, TlsSettings } from "../transports/transport.ts";
import { plainError, type TlsCall, type TlsReply } from "./sync_protocol.ts";

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
