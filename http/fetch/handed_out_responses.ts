/**
 * The responses that one session's fetch has handed out.
 *
 * @module
 */
import type { ConnectionPool } from "../pool/connection_pool.ts";
import { SmallResponses } from "./small_responses.ts";
import type { ResponseHolder } from "../queue/engine.ts";
import { UnreadBodies } from "./unread_bodies.ts";

/** Small responses, handed out as the runtime made them, and bodies that hold their connections. */
export class HandedOutResponses implements ResponseHolder {
  /** Small responses that nobody has read yet. */
  readonly small: SmallResponses = new SmallResponses();
  /** Bodies that hold a connection. */
  readonly unread: UnreadBodies;

  constructor(pool: ConnectionPool) {
    this.unread = new UnreadBodies(pool);
  }

  /** Entries wait, and no connection is free for them. */
  starved(): void {
    this.unread.watch();
  }

  /** The session ends. */
  close(): void {
    this.small.close();
    this.unread.close();
  }
}
