/**
 * The responses that one session's fetch has handed out.
 *
 * @module
 */
import type { Attempt } from "../attempt/attempt.ts";
import { BodyReader } from "./body_reader.ts";
import { handOut, handOutReady } from "./fetch_response.ts";
import type { FetchSettings } from "./fetch_init.ts";
import { verified } from "./integrity.ts";
import type { HttpMessage } from "../message/message.ts";
import type { ConnectionPool } from "../pool/connection_pool.ts";
import { SmallResponses } from "./small_responses.ts";
import type { ResponseHolder } from "../queue/starting_turn.ts";
import type { TransportResponse } from "../transports/transport.ts";
import { UnreadBodies } from "./unread_bodies.ts";

/** Small responses, handed out as the runtime made them, and bodies that hold their connections. */
export class HandedOutResponses implements ResponseHolder {
  /** Small responses that nobody has read yet. */
  readonly #small = new SmallResponses();
  /** Bodies that hold a connection. */
  readonly #unread: UnreadBodies;

  constructor(pool: ConnectionPool) {
    this.#unread = new UnreadBodies(pool);
  }

  /** The Response that the transport has made, where it can be handed out as it is. */
  ready(attempt: Attempt, response: TransportResponse, signal: AbortSignal | null): Response | null {
    return handOutReady(attempt, response, signal);
  }

  /** What is to read the body of a response that is handed out. */
  reader(attempt: Attempt, response: TransportResponse): BodyReader {
    return new BodyReader(attempt, response, this.#unread);
  }

  /** Makes the Response of a reader. */
  handOut(reader: BodyReader): Response {
    return handOut(reader, this.#small);
  }

  /** Reads the whole body where its hashes are known beforehand. */
  verified(msg: HttpMessage, settings: FetchSettings, response: Response): Promise<Response> {
    return verified(msg, settings, response);
  }

  /** Entries wait, and no connection is free for them. */
  starved(): void {
    this.#unread.watch();
  }

  /** The session ends. */
  close(): void {
    this.#small.close();
    this.#unread.close();
  }
}
