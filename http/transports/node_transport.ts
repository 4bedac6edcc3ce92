/**
 * A transport on sockets: HTTP/1.1 written and read here, over `node:net` and `node:tls`, on every runtime.
 *
 * It does what the runtimes' fetch cannot do truthfully (insecure and pinned TLS, peer certificates, informational
 * responses, `Expect: 100-continue`, any method, trailers, proxies with challenges), and it never sends a request twice.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { NotSupportedError } from "../errors.ts";
import { readsSystemCertificates } from "../runtime_certificates.ts";
import type { ConnectionTarget, Transport, TransportCapabilities, TransportConnection } from "../transport.ts";
import { connectError } from "./node_errors.ts";
import { NodeConnection } from "./node_connection.ts";
import { isPlainMethod } from "./node_request_head.ts";

const PROXY_SCHEMES = ["http", "https", "socks5", "socks5h"];

/**
 * The socket transport. It shares nothing between connections, so one object serves any number of sessions.
 *
 * @example Ask what it can do
 * ```ts
 * import { NodeTransport } from "@gp11/gp11/http";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const { capabilities } = new NodeTransport();
 * assert(capabilities.informational);
 * assert(capabilities.supportsMethod("VERSION-CONTROL"));
 * assertFalse(capabilities.supportsMethod("CONNECT"));
 * ```
 */
export class NodeTransport implements Transport {
  /** Everything a session knows to ask for. */
  readonly capabilities: TransportCapabilities = Object.freeze({
    name: "node",
    runtime: runtimeName(),
    exactConnections: true,
    connectionEvents: true,
    writeEvents: true,
    informational: true,
    expectContinue: true,
    trailers: true,
    peerCertificate: true,
    insecureTls: true,
    pinnedRoots: true,
    systemRoots: readsSystemCertificates,
    clientCertificate: true,
    clientTls: true,
    httpProxy: true,
    tunnel: true,
    tunnelStatus: true,
    socks: true,
    direct: true,
    bodyWithGet: true,
    reasonPhrase: true,
    hostHeader: true,
    contentAsReceived: true,
    uploadLength: true,
    supportsMethod: isPlainMethod,
  });

  /**
   * Makes a slot; nothing is opened yet.
   *
   * @throws NotSupportedError for a proxy scheme nobody here speaks
   */
  createConnection(target: ConnectionTarget): TransportConnection {
    const { proxy } = target;
    if (proxy !== null && !PROXY_SCHEMES.includes(proxy.scheme)) {
      throw new NotSupportedError(
        `use the proxy ${proxy.uri.protocol}//${proxy.uri.host}`,
        this.capabilities.runtime,
        `a proxy speaks one of ${PROXY_SCHEMES.join(", ")}`,
      );
    }
    return new NodeConnection(target);
  }

  /**
   * Looks the host's name up, or its proxy's, so that the system knows it.
   *
   * @throws TransportError CANT_RESOLVE or CANT_RESOLVE_PROXY
   */
  async prepare(target: ConnectionTarget): Promise<void> {
    const host = target.proxy === null ? target.host : target.proxy.uri.hostname.replace(/^\[|\]$/g, "");
    try {
      await lookup(host);
    } catch (error) {
      throw connectError(error, host, target.proxy !== null);
    }
  }
}

function runtimeName(): string {
  const names = globalThis as { Deno?: unknown; Bun?: unknown };
  return names.Deno !== undefined ? "deno" : names.Bun !== undefined ? "bun" : "node";
}
