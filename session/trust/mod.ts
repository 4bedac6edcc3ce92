/** The certificates this machine trusts. What finds them is loaded with the first question. */
import type { TrustAnchor, TrustAnchorsOptions } from "./options.ts";

export type { TrustAnchor, TrustAnchorsOptions };

/**
 * The certificates this machine trusts: trusted in a token, and distrusted in none. The system's trust store of p11-kit
 * is such a token (`p11-kit-trust`). Distrusted is who a token names by its certificate, its issuer and serial number, or
 * its public key. A trust module or token that cannot be read fails the whole, and so does an object of which it cannot
 * be read whom it distrusts: it may be the one that distrusts a certificate.
 *
 * @example Name what the machine trusts for web servers
 * ```ts
 * import { trustAnchors } from "@gp11/gp11";
 *
 * async function subjects(): Promise<string[]> {
 *   const anchors = await trustAnchors({ purpose: "serverAuth" });
 *   return anchors.map(({ subject }) => subject);
 * }
 * ```
 *
 * @throws {ConfigurationError} when a registered trust module cannot be loaded or initialised
 * @throws {TypeError} when a token does not let read whom it distrusts
 */
export async function trustAnchors(options: TrustAnchorsOptions = {}): Promise<TrustAnchor[]> {
  return await (await import("./anchors.ts")).anchorsOf(options);
}
