/**
 * Digest and signature as trailer fields, behind a body that is a stream.
 *
 * @module
 */
import type { RequestTrailers } from "../../transports/transport.ts";
import { ContentDigest, type ContentDigestAlgorithm } from "./content_digest.ts";

/** Digests a body while it is sent, and signs when it has ended. */
export class SignatureTrailers implements RequestTrailers {
  readonly #digest: ContentDigest;
  /** Adds the signature to the fields; the digest is among them. */
  sign: ((fields: Headers) => Promise<void>) | null = null;

  constructor(algorithm: ContentDigestAlgorithm) {
    this.#digest = new ContentDigest(algorithm);
  }

  /** Sees a piece of the body. */
  update(piece: Uint8Array): void {
    this.#digest.update(piece);
  }

  /** Adds the fields. */
  async finish(fields: Headers): Promise<void> {
    if (!fields.has("content-digest")) fields.set("content-digest", this.#digest.field());
    await this.sign?.(fields);
  }
}
