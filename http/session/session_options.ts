/**
 * Options of sessions.
 *
 * @module
 */
import type { OptionNames } from "../../internal/expected.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { AuthScheme } from "../features/auth/scheme.ts";
import type { FeatureType } from "../message/feature_type.ts";
import type { AsyncContext } from "../contract/feature_session.ts";
import type { ClientCertificateOption } from "../transports/client_tls.ts";
import type { HostLookup } from "../transports/host_lookup.ts";
import type { Http2Choice, TrustRoots } from "../transports/transport.ts";
import type { TransportChoice } from "../transports/choice/select.ts";
import type { UnixSocketOption } from "../transports/unix_socket.ts";

/** A class that `addFeatureByType` can construct without arguments: a feature, or a scheme for the AuthManager. */
export type ConstructibleFeatureType<T extends object = SessionFeature | AuthScheme> = new () => T;

/** Options of `HttpSession`. Those that are properties are described at the accessors of the same name. */
export interface HttpSessionOptions {
  /** The proxy of the session. @default {null} */
  readonly proxyUri?: string | URL | null | undefined;
  /** Connections at once; what needs one more waits. @default {10} */
  readonly maxConns?: number | undefined;
  /**
   * Connections at once to one host. An event stream keeps one for as long as it is open, so that two of them hold up all
   * else at that host, without an error, unless it speaks HTTP/2: count them in. @default {2}
   */
  readonly maxConnsPerHost?: number | undefined;
  /** NTLM authentication. @default {false} */
  readonly useNtlm?: boolean | undefined;
  /** File with the trusted certificates. @default {null} */
  readonly sslCaFile?: string | null | undefined;
  /** What runs the session's work. @default {null} */
  readonly asyncContext?: AsyncContext | null | undefined;
  /** Seconds without progress after which a message fails; 0 and null never. `Timeouts` counts in ms. @default {0} */
  readonly timeout?: number | null | undefined;
  /** Seconds after which an idle connection is closed; 0 and null never. @default {0} */
  readonly idleTimeout?: number | null | undefined;
  /** User-Agent, unless a fetch has its own; messages get this one in any case. @default {null} */
  readonly userAgent?: string | null | undefined;
  /** Accept-Language, unless a message or a fetch has its own. @default {null} */
  readonly acceptLanguage?: string | null | undefined;
  /** Accept-Language from the user's environment. @default {false} */
  readonly acceptLanguageAuto?: boolean | undefined;
  /** Refuse certificates that are not trusted. @default {true} */
  readonly sslStrict?: boolean | undefined;
  /** URI schemes that mean http. @default {["*"]} */
  readonly httpAliases?: readonly string[] | string | null | undefined;
  /** URI schemes that mean https. @default {null} */
  readonly httpsAliases?: readonly string[] | string | null | undefined;
  /** Trust the system's certificates. @default {true} */
  readonly sslUseSystemCaFile?: boolean | undefined;
  /** The trusted certificates. @default {TlsDatabase.system} */
  readonly tlsDatabase?: TrustRoots | null | undefined;
  /** Run work in the context current when a message was queued. @default {false} */
  readonly useThreadContext?: boolean | undefined;
  /** Features to add, in this order, besides the default ones. @default {[]} */
  readonly addFeature?: SessionFeature | readonly SessionFeature[] | undefined;
  /** Features or sub-features to add by their class. @default {[]} */
  readonly addFeatureByType?: ConstructibleFeatureType | readonly ConstructibleFeatureType[] | undefined;
  /** Features or sub-features to remove by their class, default ones included. @default {[]} */
  readonly removeFeatureByType?: FeatureType | readonly FeatureType[] | undefined;
  /** Same as `addFeature`, the shorter name. @default {[]} */
  readonly features?: readonly SessionFeature[] | undefined;
  /** False leaves out AuthManager and ContentDecoder. @default {true} */
  readonly defaultFeatures?: boolean | undefined;
  /** The client's certificate. @default {null} */
  readonly clientCertificate?: ClientCertificateOption | undefined;
  /** What carries messages. @default {"auto"} */
  readonly transport?: TransportChoice | undefined;
  /** Whether HTTP/2 is spoken. @default {"auto"} */
  readonly http2?: Http2Choice | undefined;
  /** The unix socket in place of the network, or a function that knows by URL. @default {null} */
  readonly unixSocket?: UnixSocketOption | undefined;
  /** Finds the addresses of hosts in place of the system. @default {null} */
  readonly lookup?: HostLookup | null | undefined;
  /** Largest response header section in bytes. @default {262144} */
  readonly maxHeaderBytes?: number | undefined;
  /** Largest response body in bytes that a message keeps in memory. @default {268435456} */
  readonly maxBodyBytes?: number | undefined;
}

/** The names of the options: a proxy or roots under another name would be left out. */
export const sessionOptionNames: OptionNames<HttpSessionOptions> = {
  proxyUri: true,
  maxConns: true,
  maxConnsPerHost: true,
  useNtlm: true,
  sslCaFile: true,
  asyncContext: true,
  timeout: true,
  idleTimeout: true,
  userAgent: true,
  acceptLanguage: true,
  acceptLanguageAuto: true,
  sslStrict: true,
  httpAliases: true,
  httpsAliases: true,
  sslUseSystemCaFile: true,
  tlsDatabase: true,
  useThreadContext: true,
  addFeature: true,
  addFeatureByType: true,
  removeFeatureByType: true,
  features: true,
  defaultFeatures: true,
  clientCertificate: true,
  transport: true,
  http2: true,
  unixSocket: true,
  lookup: true,
  maxHeaderBytes: true,
  maxBodyBytes: true,
};

/** One value or several. */
export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as T];
}

/** Checks what is to run the work. */
export function checkContext(context: AsyncContext | null): AsyncContext | null {
  if (context !== null && typeof context.run !== "function") {
    throw new TypeError("Cannot use the async context: it has no run(fn)");
  }
  return context;
}
