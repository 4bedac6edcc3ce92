/**
 * The features a session begins with. This is the one place where sessions and features meet: the session asks for
 * them here, features know sessions by type alone.
 *
 * @module
 */
import { AuthManager } from "../features/auth/manager.ts";
import { AuthNtlm } from "../features/auth/ntlm/ntlm.ts";
import { ContentDecoder } from "../features/content_decoder.ts";
import { NotSupportedError } from "../errors.ts";
import type { SessionFeature } from "../contract/feature.ts";
import type { ConstructibleFeatureType } from "./session_options.ts";
import { ProxyResolver } from "../features/proxies/proxy_resolver.ts";
import type { TransportCapabilities } from "../transports/capabilities.ts";

/** Makes the features every session gets unless `defaultFeatures` is false. */
export function makeDefaultFeatures(): SessionFeature[] {
  return [new AuthManager(), new ContentDecoder()];
}

/**
 * Makes the resolver behind `proxyUri`.
 *
 * @throws {NotSupportedError} If no transport of the session can go through such a proxy.
 */
export function makeStaticProxyResolver(uri: URL, capabilities: TransportCapabilities): SessionFeature {
  const isSocks = uri.protocol.startsWith("socks");
  if (isSocks ? !capabilities.socks : !capabilities.httpProxy) {
    throw new NotSupportedError(`use the proxy ${uri.protocol}`, capabilities.runtime, "no transport of it can");
  }
  return ProxyResolver.fromUri(uri);
}

/** The sub-feature behind `useNtlm`. */
export const ntlmType: ConstructibleFeatureType = AuthNtlm;
