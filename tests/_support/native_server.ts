// The server a runtime brings for Request and Response; Node has none and gets a few lines around its own.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (request: Request) => Promise<Response>;

interface DenoServe {
  serve(options: Record<string, unknown>, handler: Handler): { addr: { port: number }; shutdown(): Promise<void> };
}

interface BunServe {
  serve(options: Record<string, unknown>): { port: number; stop(force: boolean): Promise<void> };
}

/** A server on the loopback interface that answers with the handler's own Response objects. */
export interface NativeServer extends AsyncDisposable {
  readonly origin: string;
}

/** Serves with what the runtime has. */
export async function serveNatively(handler: Handler): Promise<NativeServer> {
  const { Deno: deno, Bun: bun } = globalThis as unknown as { Deno?: DenoServe; Bun?: BunServe };
  if (bun !== undefined) {
    const server = bun.serve({ hostname: "127.0.0.1", port: 0, fetch: handler });
    return { origin: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) };
  }
  if (deno?.serve !== undefined) {
    const server = deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
    return { origin: `http://127.0.0.1:${server.addr.port}`, [Symbol.asyncDispose]: () => server.shutdown() };
  }
  return await serveOnNode(handler);
}

async function serveOnNode(handler: Handler): Promise<NativeServer> {
  const server = createServer(async ({ url }, answer) => {
    const response = await handler(new Request(new URL(url!, "http://127.0.0.1/")));
    const body = await response.bytes();
    answer.writeHead(response.status, [...response.headers].filter(([name]) => name !== "connection").flat());
    answer.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
