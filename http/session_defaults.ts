/**
 * The features a session begins with. This is the one place where sessions and features meet: the session asks for
 * them here, features know sessions by type alone.
 *
 * @module
 */
import type { FeatureType, SessionFeature } from "./feature.ts";

/** Makes the features every session gets unless `defaultFeatures` is false. */
export function makeDefaultFeatures(): SessionFeature[] {
  return [];
}

/** Makes the resolver behind `proxyUri`. */
export const makeStaticProxyResolver: ((uri: URL) => SessionFeature) | null = null;

/** The sub-feature behind `useNtlm`. */
export const ntlmType: FeatureType | null = null;
