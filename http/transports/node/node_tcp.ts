/** Making TCP connections, with the steps `network-event` reports. */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ExchangeObserver } from "../transport.ts";
import { connectError } from "./node_errors.ts";

/** One end of a TCP connection. */
export interface Endpoint {
  host: string;
  port: number;
  /** Decides whether a failure is the proxy's or the destination's. */
  isProxy: boolean;
}

/**
 * Connects to an endpoint.
 *
 * @throws {TransportError} CANT_RESOLVE, CANT_CONNECT or their _PROXY forms; `signal.reason` when aborted.
 */
export async function connectTcp(endpoint: Endpoint, observer: ExchangeObserver, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const where = `${endpoint.host}:${endpoint.port}`;
  const fail = (error: unknown) => connectError(error, where, endpoint.isProxy);
  observer.networkEvent("resolving");
  let isResolved = false;
  const resolved = () => {
    if (isResolved) return;
    isResolved = true;
    observer.networkEvent("resolved");
    observer.networkEvent("connecting");
  };
  const resolvedUnlessOver = () => {
    if (!signal.aborted && !socket.destroyed) resolved();
  };
  let socket: Socket;
  try {
    socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true, keepAlive: true });
  } catch (error) {
    throw fail(error);
  }
  // Reported outside of the socket's own events: a socket that is destroyed inside of these stays open on Bun.
  socket.on("lookup", (error: Error | null) => {
    if (!error) queueMicrotask(resolvedUnlessOver);
  });
  socket.on("connectionAttempt", () => queueMicrotask(resolvedUnlessOver));
  try {
    await arrival(socket, "connect", signal, fail);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  resolved();
  observer.networkEvent("connected");
  return socket;
}

/** Resolves at an event of a stream; rejects with what `fail` makes of its error or end, or with `signal.reason`. */
export function arrival(
  stream: Duplex,
  event: string,
  signal: AbortSignal,
  fail: (error: unknown) => unknown,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      stream.off(event, onEvent).off("error", onError).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      // Whoever is next attaches its own; an error in between must not end the process.
      stream.on("error", () => {});
      finish();
    };
    const onEvent = () => settle(resolve);
    const onError = (error: unknown) => settle(() => reject(fail(error)));
    const onClose = () => settle(() => reject(fail(new Error("the connection was closed"))));
    const onAbort = () => {
      stream.destroy();
      settle(() => reject(signal.reason));
    };
    if (signal.aborted) return onAbort();
    stream.on(event, onEvent).on("error", onError).on("close", onClose);
    signal.addEventListener("abort", onAbort);
  });
}
