/** How the servers of the suite begin and end. */
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";

/** Where a server listens: a port of the system's choice at this address, or a path. */
export interface Place {
  host?: string | undefined;
  path?: string | undefined;
}

/** Has a server listen; its port, 0 at a path. */
export async function listening(server: Server, { host = "127.0.0.1", path }: Place = {}): Promise<number> {
  if (path === undefined) server.listen(0, host);
  else server.listen({ path });
  await once(server, "listening");
  return path === undefined ? (server.address() as AddressInfo).port : 0;
}

/** Ends a server, and what of its connections is still open. */
export async function ending(server: Server, open: Iterable<Socket>): Promise<void> {
  const closed = once(server, "close");
  server.close();
  for (const socket of open) socket.destroy();
  await closed;
}
