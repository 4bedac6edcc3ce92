/** Making connections of TCP and of unix sockets, with the steps `network-event` reports. */
import type { IpcNetConnectOpts, Socket, TcpNetConnectOpts } from "node:net";
import type { Duplex } from "node:stream";
import { builtin } from "../../../internal/builtin_modules.ts";
import { orAborted } from "../../../internal/signals.ts";
import { checkAddresses, type HostAddress, type HostLookup } from "../host_lookup.ts";
import { isGranted } from "../permissions.ts";
import type { ExchangeObserver } from "../transport.ts";
import { shownSocket } from "../unix_socket.ts";
import { type ConnectionAttempt, firstConnected } from "./first_connected.ts";
import { connectError, lookupError } from "./node_errors.ts";

/** One end of a TCP connection. */
export interface Endpoint {
  host: string;
  port: number;
  /** Decides whether a failure is the proxy's or the destination's. */
  isProxy: boolean;
  /** Finds the addresses; null for the system. */
  lookup: HostLookup | null;
}

/** How a socket is made: nothing waits for more bytes, and a peer that is gone without a word is noticed some day. */
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const;

/**
 * Connects to an endpoint.
 *
 * @throws {TransportError} CANT_RESOLVE, CANT_CONNECT or their _PROXY forms; `signal.reason` when aborted.
 */
export async function connectTcp(endpoint: Endpoint, observer: ExchangeObserver, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const { host, isProxy, lookup, port } = endpoint;
  observer.networkEvent("resolving");
  if (lookup === null && !builtin.net.isIP(host) && !isGranted({ name: "net" })) {
    return await connectByName(endpoint, observer, signal);
  }
  const addresses = await addressesOf(endpoint, signal);
  signal.throwIfAborted();
  observer.networkEvent("resolved");
  observer.networkEvent("connecting");
  signal.throwIfAborted();
  const begin = ({ address }: HostAddress) => beginAttempt({ host: address, port, ...socketOptions });
  try {
    const socket = await firstConnected(addresses, begin, signal);
    observer.networkEvent("connected");
    return socket;
  } catch (error) {
    throw signal.aborted ? signal.reason : connectError(error, `${host}:${port}`, isProxy);
  }
}

/**
 * Connects to a socket of the file system, or to a named pipe.
 *
 * @throws {TransportError} CANT_CONNECT; `signal.reason` when aborted.
 */
export async function connectUnix(path: string, observer: ExchangeObserver, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  observer.networkEvent("connecting");
  signal.throwIfAborted();
  try {
    const socket = await firstConnected([{ address: path, family: 4 }], () => beginAttempt({ path }), signal);
    observer.networkEvent("connected");
    return socket;
  } catch (error) {
    throw signal.aborted ? signal.reason : connectError(error, shownSocket(path), false);
  }
}

/**
 * The addresses of an endpoint, at least one.
 *
 * @throws {TransportError} CANT_RESOLVE or CANT_RESOLVE_PROXY; `signal.reason` when aborted.
 */
export async function addressesOf(
  { host, isProxy, lookup, port }: Omit<Endpoint, "port"> & { port?: number },
  signal: AbortSignal,
): Promise<readonly HostAddress[]> {
  const family = builtin.net.isIP(host);
  if (family !== 0) return [{ address: host, family: family as 4 | 6 }];
  try {
    const found = await orAborted(lookUp(host, lookup, signal), signal);
    const addresses = checkAddresses(found);
    if (addresses.length === 0) throw new Error("it has no address");
    return addresses;
  } catch (error) {
    throw signal.aborted ? signal.reason : lookupError(error, host, port, isProxy);
  }
}

async function lookUp(host: string, lookup: HostLookup | null, signal: AbortSignal): Promise<unknown> {
  return await (lookup === null ? builtin.dns.promises.lookup(host, { all: true }) : lookup(host, { signal }));
}

/**
 * Deno lets a program reach a host by its name, and then by no address of it: the runtime finds and tries them, one after
 * the other.
 */
async function connectByName(endpoint: Endpoint, observer: ExchangeObserver, signal: AbortSignal): Promise<Socket> {
  const { host, isProxy, port } = endpoint;
  const attempt = beginAttempt({ host, port, ...socketOptions, autoSelectFamilyAttemptTimeout: 250 });
  const { socket } = attempt;
  let isResolved = false;
  const resolved = () => {
    if (isResolved) return;
    isResolved = true;
    observer.networkEvent("resolved");
    observer.networkEvent("connecting");
  };
  const resolvedUnlessOver = () => {
    if (!signal.aborted && socket?.destroyed === false) resolved();
  };
  // Reported outside of the socket's own events: a socket that is destroyed inside of these stays open on Bun.
  socket?.on("lookup", (error: Error | null) => {
    if (!error) queueMicrotask(resolvedUnlessOver);
  });
  socket?.on("connectionAttempt", () => queueMicrotask(resolvedUnlessOver));
  try {
    await firstConnected([{ address: host, family: 4 }], () => attempt, signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : connectError(error, `${host}:${port}`, isProxy);
  }
  resolved();
  observer.networkEvent("connected");
  return await attempt.connected;
}

/** Begins to connect; an error on the way to the system is one of the attempt. */
function beginAttempt(
  options: TcpNetConnectOpts | IpcNetConnectOpts,
): ConnectionAttempt<Socket> & { socket: Socket | null } {
  try {
    const socket = builtin.net.connect(options);
    const connected = arrival(socket, "connect", null, (error) => error).then(() => socket, (error: unknown) => {
      socket.destroy();
      throw error;
    });
    return { connected, socket, close: () => void socket.destroy() };
  } catch (error) {
    return { connected: Promise.reject(error), socket: null, close() {} };
  }
}

/** What streams have failed with after they had arrived, and before anybody else listened. */
const failures = new WeakMap<Duplex, Error>();

/** What a stream has failed with since its {@linkcode arrival}; Deno's tell it once, and stay open. */
export function failureSinceArrival(stream: Duplex): Error | null {
  return failures.get(stream) ?? null;
}

/** Resolves at an event of a stream; rejects with what `fail` makes of its error or end, or with `signal.reason`. */
export function arrival(
  stream: Duplex,
  event: string,
  signal: AbortSignal | null,
  fail: (error: unknown) => unknown,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      stream.off(event, onEvent).off("error", onError).off("close", onClose);
      signal?.removeEventListener("abort", onAbort);
      // Whoever is next attaches its own; an error in between must not end the process.
      stream.on("error", (error: Error) => void (failures.has(stream) || failures.set(stream, error)));
      finish();
    };
    const onEvent = () => settle(resolve);
    const onError = (error: unknown) => settle(() => reject(fail(error)));
    const onClose = () => settle(() => reject(fail(new Error("the connection was closed"))));
    const onAbort = () => {
      stream.destroy();
      settle(() => reject(signal?.reason));
    };
    if (signal?.aborted) return onAbort();
    stream.on(event, onEvent).on("error", onError).on("close", onClose);
    signal?.addEventListener("abort", onAbort);
  });
}
