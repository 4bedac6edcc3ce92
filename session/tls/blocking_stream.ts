/** A TLS session that is driven in place, for a thread that waits while another one moves the bytes. */
import type { BlockingTls, TlsPieces } from "../../internal/tls_info.ts";
import type { Gnutls } from "../../ffi/tables/gnutls.ts";
import type { ShownTls } from "./peer.ts";
import { verdict } from "./secure_stream.ts";
import { TlsError } from "../errors.ts";
import type { HandshakeStep, TlsSession } from "./tls_session.ts";
import { callInOrder, inPlace } from "./work.ts";

/** How a stream is driven. */
export interface BlockingStreamOptions {
  readonly host: string;
  readonly strict: boolean;
  /** Called after something was read. */
  readonly read: () => void;
  /** Called once when the handshake is over, with its error if it has failed. */
  readonly shaken: (error: unknown) => void;
}

/** The session of one connection. */
export class BlockingStream implements BlockingTls {
  readonly #gnutls: Gnutls;
  readonly #session: TlsSession;
  readonly #options: BlockingStreamOptions;
  #tls: ShownTls | null = null;
  #isShaken = false;
  #hasEnded = false;
  #isClosed = false;

  /** Takes a session that has not begun. */
  constructor(gnutls: Gnutls, session: TlsSession, options: BlockingStreamOptions) {
    this.#gnutls = gnutls;
    this.#session = session;
    this.#options = options;
  }

  /** What the handshake has shown; null until it is over. */
  get tls(): ShownTls | null {
    return this.#tls;
  }

  /**
   * Takes what the peer has sent and what is to be sent to it; gives what came of both.
   *
   * @throws {TlsError} when TLS fails; the session is freed then
   */
  exchange(received: Uint8Array | "end" | null, written: Uint8Array | null): TlsPieces {
    if (this.#isClosed) {
      throw new TlsError("Cannot go on with TLS: the connection was closed", { code: "ERR_TLS_CONNECTION_CLOSED" });
    }
    const session = this.#session;
    const encrypted: Uint8Array[] = [];
    const decrypted: Uint8Array[] = [];
    const output = (): void => void encrypted.push(...session.output());
    try {
      if (received === "end") session.endOfInput();
      else if (received !== null) session.feed(received);
      if (!this.#isShaken) this.#handshake(output);
      if (this.#isShaken && !this.#isClosed) {
        if (written !== null && written.length > 0) session.write(written, output);
        this.#readAll(decrypted);
        output();
      }
    } catch (error) {
      this.#finish(error);
      this.close();
      throw error;
    }
    return { encrypted, decrypted, hasEnded: this.#hasEnded };
  }

  #handshake(output: () => void): void {
    const { host, strict } = this.#options;
    const session = this.#session;
    let step: HandshakeStep;
    do {
      session.flushIn();
      const answer = session.handshakeAnswer(inPlace(callInOrder(session.handshakeCalls())));
      step = session.handshakeStep(answer, host);
      output();
    } while (step === "more" && (session.flushIn() || session.canGoOn));
    if (step === "more") return;
    const tls = verdict(this.#gnutls, session, { host, strict }, step);
    this.#tls = tls;
    this.#isShaken = true;
    this.#finish(null);
    // Whoever reads `tls` refuses the peer.
    if (strict && tls.errors.length > 0) this.close();
  }

  #readAll(into: Uint8Array[]): void {
    while (!this.#hasEnded) {
      const piece = this.#session.read();
      if (piece === null) break;
      if (piece === "end") this.#hasEnded = true;
      else into.push(piece);
    }
    this.#options.read();
  }

  #isFinished = false;

  #finish(error: unknown): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#options.shaken(error);
  }

  /** Frees the session. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#finish(null);
    this.#session.close();
  }
}
