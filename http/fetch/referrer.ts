/**
 * The `referrer` and `referrerPolicy` of a fetch (Referrer Policy §8). A program has no page: what it does not name is
 * not sent.
 *
 * @module
 */
import type { HttpMessage } from "../message/message.ts";

const policies = [
  "no-referrer",
  "no-referrer-when-downgrade",
  "same-origin",
  "origin",
  "strict-origin",
  "origin-when-cross-origin",
  "strict-origin-when-cross-origin",
  "unsafe-url",
];

/** Longer ones are cut to their origin. */
const longestReferrer = 4096;

/** The referrer of a request, and how much of it is sent. */
export class Referrer {
  readonly #url: URL;
  #policy: string;

  private constructor(url: URL, policy: string) {
    this.#url = url;
    this.#policy = policy;
  }

  /**
   * The referrer of a request; null when none is to be sent.
   *
   * @throws {TypeError} For what is no URL or no policy.
   */
  static of(referrer: string, policy: string): Referrer | null {
    if (policy !== "" && !policies.includes(policy)) {
      throw new TypeError(`Cannot fetch: ${JSON.stringify(policy)} is no referrer policy`);
    }
    if (referrer === "" || referrer === "about:client") return null;
    if (!URL.canParse(referrer)) throw new TypeError("Cannot fetch: the referrer is no URL");
    const url = new URL(referrer);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    url.username = url.password = url.hash = "";
    return new Referrer(url, policy);
  }

  /** Puts the field on a request that is about to go to its URI. */
  apply({ uri, requestHeaders }: HttpMessage): void {
    const value = this.#valueFor(uri);
    if (value === null) requestHeaders.delete("referer");
    else requestHeaders.set("referer", value);
  }

  /** A response that redirects may change the policy; what it names last and we know counts. */
  redirected(headers: Headers): void {
    const named = (headers.get("referrer-policy") ?? "").split(",").map((token) => token.trim().toLowerCase());
    this.#policy = named.findLast((token) => policies.includes(token)) ?? this.#policy;
  }

  #valueFor(target: URL): string | null {
    const origin = `${this.#url.origin}/`;
    const full = this.#url.href.length > longestReferrer ? origin : this.#url.href;
    const isSame = this.#url.origin === target.origin;
    const isDowngrade = isTrustworthy(this.#url) && !isTrustworthy(target);
    switch (this.#policy) {
      case "no-referrer":
        return null;
      case "unsafe-url":
        return full;
      case "origin":
        return origin;
      case "same-origin":
        return isSame ? full : null;
      case "strict-origin":
        return isDowngrade ? null : origin;
      case "origin-when-cross-origin":
        return isSame ? full : origin;
      case "no-referrer-when-downgrade":
        return isDowngrade ? null : full;
      default:
        return isSame ? full : isDowngrade ? null : origin;
    }
  }
}

/** A potentially trustworthy origin (Secure Contexts §3.1). */
function isTrustworthy({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || hostname === "localhost" || hostname.endsWith(".localhost") ||
    hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
