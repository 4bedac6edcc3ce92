/** The client side of SOCKS5 with user name and password (RFC 1928, RFC 1929). */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { builtin } from "../../../internal/builtin_modules.ts";
import type { ProxyTarget } from "../transport.ts";
import { proxyError } from "./node_errors.ts";

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_PASSWORD = 2;
const NOT_ACCEPTABLE = 0xff;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

const REPLIES: Readonly<Record<number, string>> = {
  1: "general failure",
  2: "not allowed by its rules",
  3: "network unreachable",
  4: "host unreachable",
  5: "connection refused",
  6: "time to live expired",
  7: "command not supported",
  8: "address type not supported",
};

/** What the proxy is asked for: an address, or a name the proxy resolves. */
export interface SocksDestination {
  host: string;
  port: number;
}

/**
 * Asks the proxy at the other end of `stream` to connect to a destination; the stream then leads there.
 *
 * @throws {TransportError} CANT_CONNECT_PROXY.
 */
export async function socksConnect(
  stream: Duplex,
  proxy: ProxyTarget,
  destination: SocksDestination,
  signal: AbortSignal,
): Promise<void> {
  const reader = new ReplyReader(stream, signal);
  try {
    const hasCredentials = proxy.username !== undefined;
    stream.write(Buffer.from(
      hasCredentials ? [VERSION, 2, NO_AUTHENTICATION, USER_PASSWORD] : [VERSION, 1, NO_AUTHENTICATION],
    ));
    const [version, method] = await reader.take(2);
    if (version !== VERSION) throw proxyError("it does not speak SOCKS5", "ERR_SOCKS");
    if (method === USER_PASSWORD && hasCredentials) await logIn(stream, reader, proxy);
    else if (method !== NO_AUTHENTICATION) {
      const why = method === NOT_ACCEPTABLE ? "it wants other credentials" : "it wants an unknown authentication";
      throw proxyError(why, "ERR_SOCKS_AUTHENTICATION");
    }
    stream.write(connectRequest(destination));
    await readConnectReply(reader);
  } finally {
    reader.release();
  }
}

async function logIn(stream: Duplex, reader: ReplyReader, proxy: ProxyTarget): Promise<void> {
  const user = Buffer.from(proxy.username ?? "");
  const password = Buffer.from(proxy.password ?? "");
  if (user.byteLength > 255 || password.byteLength > 255) {
    throw proxyError("user name and password may have 255 bytes at most", "ERR_SOCKS_AUTHENTICATION");
  }
  stream.write(Buffer.concat([Buffer.from([1, user.byteLength]), user, Buffer.from([password.byteLength]), password]));
  const [, status] = await reader.take(2);
  if (status !== 0) throw proxyError("it refused the user name or password", "ERR_SOCKS_AUTHENTICATION");
}

function connectRequest({ host, port }: SocksDestination): Uint8Array {
  return Buffer.concat([
    Buffer.from([VERSION, CONNECT, 0]),
    addressOf(host),
    Buffer.from([port >> 8, port & 0xff]),
  ]);
}

function addressOf(host: string): Uint8Array {
  switch (builtin.net.isIP(host)) {
    case 4:
      return Buffer.from([IPV4, ...host.split(".").map(Number)]);
    case 6:
      return Buffer.from([IPV6, ...ipv6Bytes(host)]);
    default: {
      const name = Buffer.from(host);
      if (name.byteLength > 255) throw proxyError("the host name is longer than 255 bytes", "ERR_SOCKS");
      return Buffer.concat([Buffer.from([NAME, name.byteLength]), name]);
    }
  }
}

/** The 16 bytes of an address; `URL` brings every notation, embedded IPv4 included, to plain groups. */
function ipv6Bytes(host: string): number[] {
  const canonical = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [before = "", after] = canonical.split("::");
  const left = before === "" ? [] : before.split(":");
  const right = after === undefined || after === "" ? [] : after.split(":");
  const zeros = new Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

async function readConnectReply(reader: ReplyReader): Promise<void> {
  const [, reply = 1, , addressType] = await reader.take(4);
  if (reply !== 0) throw proxyError(`SOCKS5 ${REPLIES[reply] ?? `reply ${reply}`}`, `ERR_SOCKS_${reply}`);
  const length = addressType === IPV4 ? 4 : addressType === IPV6 ? 16 : (await reader.take(1))[0] ?? 0;
  await reader.take(length + 2);
}

/** Reads exactly as many bytes as asked for and leaves the stream paused behind them. */
class ReplyReader {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  #bytes: Buffer = Buffer.alloc(0);
  #failure: { error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(stream: Duplex, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onEnd);
    signal.addEventListener("abort", this.#onAbort);
    if (signal.aborted) this.#onAbort();
    stream.resume();
  }

  async take(count: number): Promise<Uint8Array> {
    while (this.#bytes.byteLength < count) {
      if (this.#failure) throw this.#failure.error;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  release(): void {
    this.#stream.pause();
    this.#stream.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onEnd).off(
      "error",
      this.#onError,
    );
    this.#stream.on("error", () => {});
    this.#signal.removeEventListener("abort", this.#onAbort);
    if (this.#bytes.byteLength > 0) this.#stream.unshift(this.#bytes);
  }

  readonly #onData = (bytes: Uint8Array): void => {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#wake?.();
  };
  readonly #onEnd = (): void => this.#fail(proxyError("it closed the connection", "ERR_SOCKS"));
  readonly #onError = (error: Error): void => this.#fail(proxyError(error.message, "ERR_SOCKS", error));
  readonly #onAbort = (): void => {
    this.#stream.destroy();
    this.#fail(this.#signal.reason);
  };

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }
}
