/**
 * The way of a message: over the network or to a unix socket, directly or through a proxy.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { messageState } from "../message/message.ts";
import type { QueueItem } from "../queue/queue_item.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { ProxyTarget } from "../transports/transport.ts";
import { shownSocket, socketFor } from "../transports/unix_socket.ts";

/**
 * Chooses the unix socket of an attempt, or none. A server that redirects may name any host, one that stands for a socket
 * of this machine too: no redirect leads to a socket but from the same one.
 *
 * @throws {TransportError} MALFORMED for such a redirect.
 */
export function chooseSocket(core: HttpSessionCore, item: QueueItem): void {
  const option = core.settings.values.unixSocket;
  const own = messageState(item.msg).own?.unixSocket;
  if (option === null && own === undefined) {
    item.unixSocket = null;
    return;
  }
  const { uri } = item.msg;
  const chosen = own === undefined ? socketFor(option, uri) : own;
  const isRedirected = item.redirects > item.redirectsSeen;
  if (isRedirected && chosen !== null && chosen !== item.unixSocket) {
    throw new TransportError(
      HttpStatus.MALFORMED,
      "connect",
      `Cannot follow the redirect to ${uri.host}: it leads to ${shownSocket(chosen)} from elsewhere`,
      { code: "ERR_REDIRECT", reason: "Invalid Redirect URL" },
    );
  }
  item.unixSocket = chosen;
  item.redirectsSeen = item.redirects;
}

/** The proxy that is known without asking anybody; undefined where the resolvers are to be asked. */
export function ownProxy(item: QueueItem): ProxyTarget | null | undefined {
  return item.unixSocket ? null : messageState(item.msg).own?.proxy;
}
