/**
 * The functions of a session that know the way of messages, asked by the worker.
 *
 * @module
 */
import { NotSupportedError } from "../errors.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { checkAddresses } from "../transports/host_lookup.ts";
import { socketFor } from "../transports/unix_socket.ts";
import { plainError, type WayCall, type WayReply } from "./sync_protocol.ts";

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
