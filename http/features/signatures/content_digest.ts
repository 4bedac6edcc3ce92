/**
 * Digests of contents (RFC 9530 §2): of the bytes that are sent, content codings included. Behind a body that is a stream they
 * are trailer fields, as its signature is.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Hash } from "node:crypto";
import { builtin } from "../../../internal/builtin_modules.ts";
import { parseStructuredDictionary } from "../../protocol/syntax.ts";
import type { RequestTrailers } from "../../transports/transport.ts";

/** The algorithms that are good for anything (RFC 9530 §5). */
export type ContentDigestAlgorithm = "sha-256" | "sha-512";

const names: Readonly<Record<ContentDigestAlgorithm, string>> = { "sha-256": "sha256", "sha-512": "sha512" };

/**
 * Checks the name of an algorithm.
 *
 * @throws {TypeError} For any other.
 */
export function checkDigestAlgorithm(algorithm: unknown): ContentDigestAlgorithm {
  if (typeof algorithm === "string" && Object.hasOwn(names, algorithm)) return algorithm as ContentDigestAlgorithm;
  throw new TypeError(`Cannot digest with ${JSON.stringify(algorithm)}: it is "sha-256" or "sha-512"`);
}

/** The digest of a content that comes in pieces. */
export class ContentDigest {
  readonly #algorithm: ContentDigestAlgorithm;
  readonly #hash: Hash;

  /** Begins with nothing. */
  constructor(algorithm: ContentDigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = builtin.crypto.createHash(names[algorithm]);
  }

  /** Takes the next piece. */
  update(piece: Uint8Array): this {
    this.#hash.update(piece);
    return this;
  }

  /** Takes what a stream gives, piece by piece. */
  async updateFrom(stream: ReadableStream<Uint8Array>): Promise<this> {
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return this;
      if (!(value instanceof Uint8Array)) {
        const error = new TypeError("Cannot digest the body: its stream gave something that is no Uint8Array");
        reader.cancel(error).catch(() => {});
        throw error;
      }
      this.update(value);
    }
  }

  /** The bytes of the digest; the end. */
  bytes(): Buffer {
    return this.#hash.digest();
  }

  /** The value of the Content-Digest field; the end. */
  field(): string {
    return `${this.#algorithm}=:${this.bytes().toString("base64")}:`;
  }
}

/** The digests a Content-Digest field holds, of the algorithms that count; undefined for a field that does not parse. */
function parseContentDigest(field: string): Map<ContentDigestAlgorithm, Uint8Array> | undefined {
  const dictionary = parseStructuredDictionary(field);
  if (dictionary === undefined) return undefined;
  const digests = new Map<ContentDigestAlgorithm, Uint8Array>();
  for (const [name, [value]] of dictionary) {
    if (Object.hasOwn(names, name) && value instanceof ArrayBuffer) {
      digests.set(name as ContentDigestAlgorithm, new Uint8Array(value));
    }
  }
  return digests;
}

/** Whether a content is the one of a Content-Digest field; a field without a digest that counts fits nothing. */
export async function isContentOf(
  field: string,
  content: Uint8Array | ReadableStream<Uint8Array>,
): Promise<boolean> {
  const expected = [...parseContentDigest(field) ?? []];
  const digests = expected.map(([algorithm]) => new ContentDigest(algorithm));
  const update = (piece: Uint8Array): void => digests.forEach((digest) => digest.update(piece));
  if (content instanceof Uint8Array) update(content);
  else {
    for await (const piece of content) update(piece);
  }
  return expected.length > 0 && expected.every(([, bytes], index) => {
    const actual = digests[index]!.bytes();
    return actual.byteLength === bytes.byteLength && builtin.crypto.timingSafeEqual(actual, bytes);
  });
}

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
