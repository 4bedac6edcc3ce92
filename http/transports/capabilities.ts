/**
 * What transports can do: the names of it, and how a transport says which of them it has.
 *
 * @module
 */
import { type RuntimeLabel, runtimeName } from "../../internal/runtime.ts";

/** What a transport can do truthfully. A session refuses with `NotSupportedError` what none of its transports can. */
export interface TransportCapabilities {
  /** Name of the transport, for example "deno-fetch", "bun-fetch", "node". */
  readonly name: string;
  /** The runtime: "deno", "bun", "node" or another name. */
  readonly runtime: RuntimeLabel;
  /** One connection object is one TCP connection at a time. */
  readonly exactConnections: boolean;
  /** `open` connects before `request-started`, and `network-event`s are reported. */
  readonly connectionEvents: boolean;
  /** The transport itself says when headers and body were written. */
  readonly writeEvents: boolean;
  /** 1xx responses are reported. */
  readonly informational: boolean;
  /** `Expect: 100-continue` holds the body back. */
  readonly expectContinue: boolean;
  /** Trailer fields are available. */
  readonly trailers: boolean;
  /** Fields can be sent behind a streamed body, see {@linkcode RequestTrailers}. Absent means false. */
  readonly requestTrailers?: boolean | undefined;
  /** Connections can be encrypted: https: messages and https: proxies. Absent means true. */
  readonly tls?: boolean | undefined;
  /** The peer's certificate is available. */
  readonly peerCertificate: boolean;
  /** Certificates can be left unchecked. */
  readonly insecureTls: boolean;
  /** The given roots replace those of the runtime. */
  readonly pinnedRoots: boolean;
  /** The roots of the operating system are trusted too, without an option of the runtime's own. */
  readonly systemRoots: boolean;
  /** A client certificate and key as PEM can be used. */
  readonly clientCertificate: boolean;
  /** A {@linkcode ClientTls} can make the encrypted stream. */
  readonly clientTls: boolean;
  /** HTTP proxies for http: targets. */
  readonly httpProxy: boolean;
  /** CONNECT tunnels through HTTP proxies for https: targets. */
  readonly tunnel: boolean;
  /** The refusal of a CONNECT is available as a response, with its challenge. */
  readonly tunnelStatus: boolean;
  /** SOCKS5 proxies. */
  readonly socks: boolean;
  /** Proxies set in the environment are not used behind the session's back. */
  readonly direct: boolean;
  /** GET and HEAD may carry a body. */
  readonly bodyWithGet: boolean;
  /** The server's own reason phrase is available. */
  readonly reasonPhrase: boolean;
  /** The `Host` header of the message is sent. */
  readonly hostHeader: boolean;
  /** Bodies arrive as they came over the wire, whatever their content coding. */
  readonly contentAsReceived: boolean;
  /** HTTP/2 is spoken, as far as the session's `http2` allows and the server agrees. Absent means false. */
  readonly http2?: boolean | undefined;
  /** Connections lead to unix sockets. Absent means false. */
  readonly unixSocket?: boolean | undefined;
  /** Addresses of hosts are found by a function of the caller's. Absent means false. */
  readonly lookup?: boolean | undefined;
  /** A body that is streamed goes with its Content-Length where that is known. Absent means false. */
  readonly uploadLength?: boolean | undefined;
  /** What the server agrees to speak in place of HTTP is handed over, see {@linkcode UpgradedStream}. Absent means false. */
  readonly upgrade?: boolean | undefined;
  /** True when `method` goes onto the wire exactly as given. */
  supportsMethod(method: string): boolean;
}

/** One of the yes-or-no capabilities. */
export type TransportCapability = Exclude<
  { [K in keyof TransportCapabilities]: NonNullable<TransportCapabilities[K]> extends boolean ? K : never }[
    keyof TransportCapabilities
  ],
  undefined
>;

/** What a transport says of itself: the rest it cannot do. */
export type StatedCapabilities =
  & Pick<TransportCapabilities, "name" | "supportsMethod">
  & Partial<Record<TransportCapability, boolean>>;

/** Nothing beyond plain requests, but encrypted and on the way the session chooses. */
const common: Readonly<Record<TransportCapability, boolean>> = {
  exactConnections: false,
  connectionEvents: false,
  writeEvents: false,
  informational: false,
  expectContinue: false,
  trailers: false,
  requestTrailers: false,
  tls: true,
  peerCertificate: false,
  insecureTls: false,
  pinnedRoots: false,
  systemRoots: false,
  clientCertificate: false,
  clientTls: false,
  httpProxy: false,
  tunnel: false,
  tunnelStatus: false,
  socks: false,
  direct: true,
  bodyWithGet: false,
  reasonPhrase: true,
  hostHeader: false,
  contentAsReceived: false,
  http2: false,
  unixSocket: false,
  lookup: false,
  uploadLength: false,
  upgrade: false,
};

/**
 * The capabilities of a transport on this runtime that can do what it states, and no more than all can. What it states
 * by a getter is looked at when somebody asks for it.
 */
export function capabilitiesWith(stated: StatedCapabilities): TransportCapabilities {
  const all = { ...common, runtime: runtimeName(), supportsMethod: stated.supportsMethod, name: stated.name };
  return Object.freeze(Object.defineProperties(all, Object.getOwnPropertyDescriptors(stated)));
}

/** Whether a transport can do something. Transports of others may leave `tls` out: they all encrypt. */
export function isCapable(capabilities: TransportCapabilities, name: TransportCapability): boolean {
  return name === "tls" ? capabilities.tls !== false : capabilities[name] === true;
}
