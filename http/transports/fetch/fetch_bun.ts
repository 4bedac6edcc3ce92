/**
 * Bun's fetch: one `Bun.FetchSession` per slot.
 *
 * @module
 */
import type { PeerCertificate as NodePeerCertificate } from "node:tls";
import { NotSupportedError } from "../../errors.ts";
import type { ConnectionTarget, ExchangeObserver, Transport, TransportConnection } from "../transport.ts";
import { capabilitiesWith, type TransportCapabilities } from "../capabilities.ts";
import { exchange, FetchConnection, type FetchSlot, isForwarded } from "./fetch_connection.ts";
import { isBunMethod } from "../methods.ts";
import { trustsNobody } from "../tls_database.ts";

interface BunFetchSession {
  fetch(url: string, init: RequestInit): Promise<Response>;
  close(): void;
}

type FetchSessionConstructor = new (options: Record<string, unknown>) => BunFetchSession;

/** Bun's constructor of sessions, or undefined on other runtimes and older versions. */
function fetchSessionConstructor(): FetchSessionConstructor | undefined {
  return (globalThis as { Bun?: { FetchSession?: FetchSessionConstructor } }).Bun?.FetchSession;
}

/** True when this transport can work here. */
export function isBun(): boolean {
  return fetchSessionConstructor() !== undefined;
}

/** Seconds: the longest idle time Bun knows. The session's own timer closes slots earlier. */
const longestIdle = 14_280;

/** The fetch of Bun. */
export class BunFetchTransport implements Transport {
  readonly capabilities: TransportCapabilities = capabilitiesWith({
    name: "bun-fetch",
    exactConnections: true,
    insecureTls: true,
    pinnedRoots: true,
    clientCertificate: true,
    httpProxy: true,
    tunnel: true,
    hostHeader: true,
    contentAsReceived: true,
    uploadLength: true,
    supportsMethod: isBunMethod,
  });
  readonly #FetchSession: FetchSessionConstructor;

  constructor() {
    const constructor = fetchSessionConstructor();
    if (constructor === undefined) {
      throw new NotSupportedError("use Bun's fetch", "this runtime", "Bun.FetchSession is missing");
    }
    this.#FetchSession = constructor;
  }

  /** Makes a slot. */
  createConnection(target: ConnectionTarget): TransportConnection {
    return new FetchConnection(target, new BunSlot(this.#FetchSession, target));
  }
}

class BunSlot implements FetchSlot {
  readonly prefersHeaders = true;
  readonly sendsLength = true;
  readonly #session: BunFetchSession;
  #observer: ExchangeObserver | null = null;

  constructor(constructor: FetchSessionConstructor, target: ConnectionTarget) {
    this.#session = new constructor({
      keepAlive: { idleTimeout: longestIdle, maxIdleSockets: 1 },
      proxy: target.proxy === null ? false : { url: proxyUrl(target), respectNoProxy: false },
      ...(target.scheme === "https" ? { tls: this.#tlsOptions(target) } : {}),
    });
  }

  fetch(url: string, init: RequestInit): Promise<Response> {
    (init as { decompress?: boolean }).decompress = false;
    return this.#session.fetch(url, init);
  }

  observe(observer: ExchangeObserver): void {
    this.#observer = observer;
  }

  close(): void {
    this.#session.close();
  }

  #tlsOptions(target: ConnectionTarget): Record<string, unknown> {
    const { strict, roots, client } = target.tls;
    // Bun takes an empty list of roots for none given and trusts its own; its verdict is overruled for such a list.
    const nobody = trustsNobody(roots);
    const options: Record<string, unknown> = {
      rejectUnauthorized: strict,
      checkServerIdentity: (host: string, certificate: NodePeerCertificate): Error | undefined => {
        const error = nobody !== null ? untrusted(host, nobody) : misnamed(host, certificate);
        if (error === undefined) {
          this.#observer?.tlsInfo({
            certificate: exchange!.certificateOf(certificate),
            errors: [],
            protocol: "",
            cipher: "",
          });
        }
        return error;
      },
    };
    if (roots !== null && !roots.isSystem) options["ca"] = roots.pem();
    if (client !== null && "cert" in client) {
      options["cert"] = client.cert;
      options["key"] = client.key;
    }
    return options;
  }
}

function untrusted(host: string, reason: string): Error {
  const code = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
  return Object.assign(new Error(`No certificate of ${host} can be trusted: ${reason || "the database is empty"}`), {
    code,
  });
}

function misnamed(host: string, { raw }: NodePeerCertificate): Error | undefined {
  if (exchange!.isNamed(raw, host.replace(/^\[|\]$/g, ""))) return undefined;
  const code = "ERR_TLS_CERT_ALTNAME_INVALID";
  return Object.assign(new Error(`The certificate does not name ${host}`), { code });
}

function proxyUrl(target: ConnectionTarget): string {
  const { uri, username, password } = target.proxy!;
  if (username === undefined || isForwarded(target)) return uri.href;
  const url = new URL(uri);
  url.username = encodeURIComponent(username);
  url.password = encodeURIComponent(password ?? "");
  return url.href;
}
