/**
 * Deno's fetch: one `HttpClient` per slot.
 *
 * @module
 */
import { NotSupportedError } from "../../errors.ts";
import { capabilitiesWith, type TransportCapabilities } from "../capabilities.ts";
import type { ConnectionTarget, Transport, TransportConnection } from "../transport.ts";
import { FetchConnection, isForwarded, nativeFetch } from "./fetch_connection.ts";
import { isStandardMethod } from "../methods.ts";
import { environmentVariable, readableCertificates, readsSystemCertificates } from "../permissions.ts";

interface DenoHttpClient {
  close(): void;
}

interface DenoNamespace {
  createHttpClient(options: Record<string, unknown>): DenoHttpClient;
}

/** Deno's own global, or undefined on other runtimes. */
function denoNamespace(): DenoNamespace | undefined {
  const { Deno } = globalThis as { Deno?: DenoNamespace & { version?: unknown } };
  return Deno?.version === undefined || typeof Deno.createHttpClient !== "function" ? undefined : Deno;
}

/** True when this transport can work here. */
export function isDeno(): boolean {
  return denoNamespace() !== undefined;
}

/** The fetch of Deno. */
export class DenoFetchTransport implements Transport {
  readonly capabilities: TransportCapabilities;
  readonly #deno: DenoNamespace;

  constructor() {
    const deno = denoNamespace();
    if (deno === undefined) throw new NotSupportedError("use Deno's fetch", "this runtime", "it is not Deno");
    this.#deno = deno;
    this.capabilities = capabilitiesWith({
      name: "deno-fetch",
      exactConnections: true,
      get systemRoots() {
        return readsSystemCertificates();
      },
      clientCertificate: true,
      httpProxy: true,
      tunnel: true,
      socks: true,
      direct: !usesEnvironmentProxy(),
      reasonPhrase: false,
      hostHeader: true,
      supportsMethod: isStandardMethod,
    });
  }

  /** Makes a slot. */
  createConnection(target: ConnectionTarget): TransportConnection {
    const client = this.#deno.createHttpClient(clientOptions(target));
    return new FetchConnection(target, {
      decodes: "deno",
      fetch(url, init): Promise<Response> {
        (init as { client?: DenoHttpClient }).client = client;
        return nativeFetch(url, init);
      },
      close(): void {
        client.close();
      },
    });
  }
}

function clientOptions(target: ConnectionTarget): Record<string, unknown> {
  const options: Record<string, unknown> = {
    poolMaxIdlePerHost: 1,
    poolIdleTimeout: false,
    http2: false,
    allowHost: true,
  };
  if (target.proxy !== null) {
    const { uri, username, password } = target.proxy;
    options["proxy"] = username === undefined || isForwarded(target)
      ? { url: uri.href }
      : { url: uri.href, basicAuth: { username, password: password ?? "" } };
  }
  if (target.scheme !== "https") return options;
  const { client, roots } = target.tls;
  if (roots?.isSystem) options["caCerts"] = systemCertificates();
  if (client !== null && "cert" in client) {
    options["cert"] = client.cert;
    options["key"] = client.key;
  }
  return options;
}

let cachedCertificates: readonly string[] | null = null;

/** The operating system's certificates, which Deno adds to its own. Without permission to read them: its own alone. */
function systemCertificates(): readonly string[] {
  return cachedCertificates ??= readableCertificates("system") ?? [];
}

/** True when Deno would route requests through a proxy of the environment. */
function usesEnvironmentProxy(): boolean {
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  return names.some((name) => Boolean(environmentVariable(name)));
}
