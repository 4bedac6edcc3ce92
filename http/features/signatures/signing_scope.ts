/**
 * The origins that may get signatures: no other one learns what a key has signed.
 *
 * @module
 */
import type { FeatureSession } from "../../contract/feature_session.ts";
import type { HttpMessage } from "../../message/message.ts";
import { httpUriOf } from "../../protocol/uri.ts";

/** Origins that get signatures, or one origin for each message: the one it was sent to in the first place. */
export class SigningScope {
  readonly #origins: readonly URL[] | null;
  readonly #first = new WeakMap<HttpMessage, URL>();

  /**
   * Takes origins; undefined is the first one of each message.
   *
   * @throws {TypeError} For what is no http or https origin.
   */
  constructor(origins: Iterable<string | URL> | undefined) {
    this.#origins = origins === undefined ? null : [...typeof origins === "string" ? [origins] : origins].map(originOf);
  }

  /** The message is put on the queue: what it was sent to before does not count. */
  begin(msg: HttpMessage): void {
    this.#first.delete(msg);
  }

  /** The http: or https: URI it is sent to, if the message may be signed for that; null where it must not. */
  allowed(session: FeatureSession, msg: HttpMessage): URL | null {
    const uri = httpUriOf(session, msg.uri);
    if (uri === null || msg.omitsCredentials) return null;
    if (this.#origins !== null) return this.#origins.some((origin) => isWithin(uri, origin)) ? uri : null;
    const first = this.#first.get(msg);
    if (first === undefined) this.#first.set(msg, uri);
    return first === undefined || isWithin(uri, first) ? uri : null;
  }
}

/** The same origin, or the same one encrypted, which HSTS may have led to: it leaves ports that are named (RFC 6797 §8.3). */
function isWithin(uri: URL, origin: URL): boolean {
  return uri.host === origin.host && (uri.protocol === origin.protocol || uri.protocol === "https:");
}

function originOf(origin: string | URL): URL {
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new TypeError(`Cannot sign for ${JSON.stringify(String(origin))}: it is no http or https origin`);
}
