/**
 * What the messages of a session are sent with. It is loaded with all that is below it when the first message of a program
 * is queued, not with the library.
 *
 * @module
 */
import { Attempt } from "../attempt/attempt.ts";
import { HandedOutResponses } from "../fetch/handed_out_responses.ts";
import { ConnectionPool } from "../pool/connection_pool.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import type { Sending } from "../queue/starting_turn.ts";

/** Makes what one session sends with. */
export function sendingOf(core: HttpSessionCore): Sending {
  const pool = new ConnectionPool(core);
  return { pool, responses: new HandedOutResponses(pool), attempt: (item) => new Attempt(core, item) };
}
