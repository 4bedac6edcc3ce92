/**
 * Which transport carries a message: the first of the session's that can do all the message needs.
 *
 * @module
 */
import { requireRuntime } from "../../../internal/runtime.ts";
import { describeValue } from "../../../internal/expected.ts";
import { NotSupportedError } from "../../errors.ts";
import { isCapable, type TransportCapabilities, type TransportCapability } from "../capabilities.ts";
import type { ProxyTarget, TlsSettings, Transport } from "../transport.ts";
import { BunFetchTransport, isBun } from "../fetch/fetch_bun.ts";
import { DenoFetchTransport, isDeno } from "../fetch/fetch_deno.ts";
import { loadingExchange } from "../fetch/fetch_connection.ts";
import { FetchTransport } from "../fetch/fetch_transport.ts";
import { loadingConnections, NodeTransport } from "../node/node_transport.ts";

/**
 * Which transport carries a message. "auto" decides per message: sockets for https and for plain http, the runtime's
 * fetch for what goes through a proxy in clear; where one cannot do what is needed, the other. "fetch" and "node"
 * (sockets) decide for all of them.
 */
export type TransportChoice = "auto" | "fetch" | "node" | Transport | readonly Transport[];

/** What one message needs. */
export interface Requirements {
  /** Class of the URI's scheme. */
  readonly scheme: "http" | "https";
  /** The method. */
  readonly method: string;
  /** The request has a body. */
  readonly hasBody: boolean;
  /** The body is streamed and its length is known. */
  readonly hasBodyLength: boolean;
  /** The proxy, or null. */
  readonly proxy: ProxyTarget | null;
  /** TLS settings; null for http. */
  readonly tls: TlsSettings | null;
  /** The message goes to a unix socket. */
  readonly unixSocket: boolean;
  /** Addresses are found by a function of the caller's. */
  readonly lookup: boolean;
  /** The message has an Expect field. */
  readonly expectContinue: boolean;
  /** Somebody listens for informational responses or steps of the connection. */
  readonly informational: boolean;
  /** The message has a Host field of its own. */
  readonly host: boolean;
  /** What the caller requires. */
  readonly requires: readonly TransportCapability[];
}

/** What the ordinary message over TLS needs besides its method and settings. */
const ordinary: Omit<Requirements, "method" | "tls"> = {
  scheme: "https",
  hasBody: false,
  hasBodyLength: false,
  proxy: null,
  unixSocket: false,
  lookup: false,
  expectContinue: false,
  informational: false,
  host: false,
  requires: [],
};

/**
 * The transports of one session, preferred first. With "auto", what goes to the origin itself and what is encrypted up to
 * it goes over sockets: they are faster than fetch, speak HTTP/2 and show everything. Fetch is preferred for what a proxy
 * of HTTP gets to read; one of SOCKS passes on bytes, to the address that is looked up here.
 */
export class TransportList {
  /** What was chosen, in the caller's words. */
  readonly choice: TransportChoice;
  readonly #transports: readonly Transport[];
  /** Carries https: messages, and http: ones that need no proxy. */
  readonly #direct: Transport;
  #lastOverTls: { tls: TlsSettings; method: string; transport: Transport } | null = null;
  /** What the session can do: a capability is there when one of its transports has it. */
  readonly capabilities: TransportCapabilities;

  constructor(choice: TransportChoice) {
    requireRuntime("HTTP sessions");
    this.choice = choice;
    this.#transports = transportsOf(choice);
    if (this.#transports.length === 0) throw new TypeError("Cannot make the session: the list of transports is empty");
    this.#direct = this.#transports.at(choice === "auto" ? -1 : 0)!;
    this.capabilities = merge(this.#transports);
  }

  /** The transport for an ordinary message with this method; null for http: where the preferred one cannot carry it. */
  forPlain(method: string, tls: TlsSettings | null): Transport | null {
    if (tls === null) {
      const { capabilities } = this.#direct;
      return capabilities.direct && capabilities.supportsMethod(method) ? this.#direct : null;
    }
    const last = this.#lastOverTls;
    if (last !== null && last.tls === tls && last.method === method) return last.transport;
    const transport = this.select({ ...ordinary, method, tls });
    this.#lastOverTls = { tls, method, transport };
    return transport;
  }

  /** The first transport that can do what is needed; what is only wished decides among those. */
  select(needs: Requirements): Transport {
    const { proxy, scheme } = needs;
    const isDirect = scheme === "https" || proxy === null || proxy.scheme.startsWith("socks");
    const required = requiredFor(needs);
    const candidates = isDirect ? [this.#direct, ...this.#transports] : this.#transports;
    const able = candidates.filter((transport) => isAble(transport, needs, required));
    const wished = wishedFor(needs);
    const best = able.find(({ capabilities }) => wished.every((name) => isCapable(capabilities, name))) ?? able[0];
    if (best === undefined) throw this.#refusal(needs, required);
    return best;
  }

  /** What has to be loaded before this transport makes connections; null for nothing. */
  loading(transport: Transport): Promise<unknown> | null {
    return transport instanceof NodeTransport ? loadingConnections() : null;
  }

  /** Begins to load what most messages need: one that needs it waits for it, and hears of what goes wrong. */
  preload(): void {
    const isFetch = this.choice === "fetch" || this.#direct instanceof FetchTransport;
    const loading = this.#direct instanceof NodeTransport ? loadingConnections() : isFetch ? loadingExchange() : null;
    loading?.catch(() => {});
  }

  /** Frees what the transports share. */
  close(): void {
    for (const transport of this.#transports) transport.close?.();
  }

  /** The transport that can prepare for a URI, if there is one. */
  get preparing(): Transport | undefined {
    return this.#transports.find((transport) => transport.prepare !== undefined);
  }

  #refusal(needs: Requirements, required: readonly TransportCapability[]): NotSupportedError {
    const lacking = this.#transports.map(({ capabilities }) => {
      const missing = required.filter((name) => !isCapable(capabilities, name)).map(withOption);
      if (!capabilities.supportsMethod(needs.method)) missing.unshift(`method ${needs.method}`);
      return `${capabilities.name} lacks ${missing.join(", ")}`;
    });
    if (this.choice === "fetch" && isAble(new NodeTransport(), needs, required)) {
      lacking.push('leave out transport: "fetch", sockets can do it');
    }
    return new NotSupportedError("send the message", this.capabilities.runtime, lacking.join("; "));
  }
}

function isAble({ capabilities }: Transport, needs: Requirements, required: readonly TransportCapability[]): boolean {
  return capabilities.supportsMethod(needs.method) && required.every((name) => isCapable(capabilities, name));
}

/** What asks for a capability where its name does not say so. */
const askedBy: Partial<Record<TransportCapability, string>> = {
  connectionEvents: "Timeouts({ connect })",
  http2: 'http2: "required"',
  upgrade: "a WebSocket or another Upgrade",
  pinnedRoots: "sslCaFile or tlsDatabase",
  insecureTls: "sslStrict: false",
  clientTls: "clientCertificate",
};

function withOption(name: TransportCapability): string {
  return name in askedBy ? `${name}, which ${askedBy[name]} asks for` : name;
}

function transportsOf(choice: TransportChoice): readonly Transport[] {
  if (choice === "auto") {
    const socket = new NodeTransport();
    return isDeno() || isBun() ? [fetchTransport(), socket] : [socket];
  }
  if (choice === "fetch") return [fetchTransport()];
  if (choice === "node") return [new NodeTransport()];
  if (Array.isArray(choice)) return [...choice];
  if (typeof choice === "object" && "createConnection" in choice) return [choice];
  throw new TypeError(
    `Cannot use ${describeValue(choice)} as a transport: it is "auto", "fetch", "node" or a Transport`,
  );
}

function fetchTransport(): Transport {
  if (isDeno()) return new DenoFetchTransport();
  return isBun() ? new BunFetchTransport() : new FetchTransport();
}

/** Whether the message, or its way to a proxy, is encrypted. */
function isEncrypted({ tls, proxy }: Requirements): boolean {
  return tls !== null || proxy?.scheme === "https";
}

function isBodyless(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

function requiredFor(needs: Requirements): TransportCapability[] {
  const required: TransportCapability[] = [...needs.requires];
  if (isEncrypted(needs)) required.push("tls");
  if (needs.hasBody && isBodyless(needs.method)) required.push("bodyWithGet");
  if (needs.expectContinue) required.push("expectContinue");
  if (needs.host) required.push("hostHeader");
  if (needs.unixSocket) required.push("unixSocket");
  if (needs.lookup) required.push("lookup");
  if (needs.proxy === null) required.push("direct");
  else if (needs.proxy.scheme.startsWith("socks")) required.push("socks");
  else required.push(needs.scheme === "https" || needs.requires.includes("upgrade") ? "tunnel" : "httpProxy");
  if (needs.tls !== null) {
    const { strict, roots, client } = needs.tls;
    if (!strict) required.push("insecureTls");
    else if (roots !== null && !roots.isSystem) required.push("pinnedRoots");
    if (client !== null) required.push("connect" in client ? "clientTls" : "clientCertificate");
  }
  return required;
}

function wishedFor(needs: Requirements): TransportCapability[] {
  const wished: TransportCapability[] = [];
  // Many servers and stores take no upload without its length.
  if (needs.hasBodyLength) wished.push("uploadLength");
  if (needs.informational) wished.push("informational");
  if (needs.tls !== null && !needs.tls.strict) wished.push("peerCertificate");
  if (needs.proxy !== null && needs.scheme === "https" && !needs.proxy.scheme.startsWith("socks")) {
    wished.push("tunnelStatus");
  }
  return wished;
}

function merge(transports: readonly Transport[]): TransportCapabilities {
  const all = transports.map((transport) => transport.capabilities);
  const merged: Record<string, unknown> = { ...all[0]! };
  for (const capabilities of all) {
    for (const [name, value] of Object.entries(capabilities)) if (value === true) merged[name] = true;
  }
  merged["name"] = all.map(({ name }) => name).join("+");
  merged["supportsMethod"] = (method: string) => all.some((capabilities) => capabilities.supportsMethod(method));
  return Object.freeze(merged) as unknown as TransportCapabilities;
}
