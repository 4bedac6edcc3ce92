/** Which certificates are asked for, and what is told of them. */
import type { Module } from "../tokens/module.ts";

/** A certificate to trust as the end of a chain. */
export interface TrustAnchor {
  /** The certificate in DER. */
  readonly der: Uint8Array<ArrayBuffer>;
  /** The label the token gives it. */
  readonly label: string;
  /** Its subject as RFC 4514 text, such as `CN=Example Root,O=Example,C=DE`. */
  readonly subject: string;
}

/** Which trust anchors are wanted. */
export interface TrustAnchorsOptions {
  /**
   * What the certificates are to be trusted for: `serverAuth`, `clientAuth`, `email`, `codeSigning`, `timeStamping` or
   * an object identifier. What a certificate is trusted for is limited by extensions that the token attaches to it, else
   * by its own extended key usage.
   *
   * By default any purpose.
   */
  readonly purpose?: string | undefined;
  /**
   * The modules to ask.
   *
   * By default the registered modules with `trust-policy: yes`.
   */
  readonly modules?: readonly Module[] | undefined;
  /** Cancels the search. */
  readonly signal?: AbortSignal | null | undefined;
}
