/**
 * Basic authentication (RFC 7617).
 *
 * @module
 */
import { concatBytes, toBase64 } from "../../../internal/bytes.ts";
import type { Challenge } from "../../protocol/challenges.ts";
import { type Authorization, type AuthRequest, AuthScheme, type AuthStep, plainStep } from "./scheme.ts";
import { encodeCredential, encodeLatin1 } from "./text.ts";

/**
 * User name and password in the clear, base64-encoded (RFC 7617). `charset="UTF-8"` is honoured; without it ISO-8859-1
 * is used as long as it can express them, and UTF-8 when that was refused.
 */
export class AuthBasic extends AuthScheme {
  /** "Basic". */
  static override readonly schemeName: string = "Basic";
  /** The weakest. */
  static override readonly strength: number = 1;

  #isUtf8 = false;

  /** Takes the charset from a challenge; a second one means the credentials were refused, in every encoding. */
  override challenged(challenge: Challenge, used: Authorization | null): AuthStep | null {
    this.#isUtf8 = challenge.parameters.get("charset")?.toLowerCase() === "utf-8";
    return used === null || this.tryUtf8(used) ? plainStep : null;
  }

  /** Writes `Basic` and the credentials (RFC 7617 §2). */
  override authorize(_request: AuthRequest): Authorization {
    const credentials = this.credentials;
    if (credentials?.kind !== "password") return { value: null, generation: this.generation };
    const isUtf8 = this.#isUtf8 || this.isUtf8Tried;
    const bytes = concatBytes(
      encodeCredential(credentials.user, isUtf8),
      encodeLatin1(":"),
      encodeCredential(credentials.password, isUtf8),
    );
    return { value: `Basic ${toBase64(bytes)}`, generation: this.generation, isUtf8 };
  }

  /** The directory of the URI and everything below (RFC 7617 §2.2). */
  override protectionSpace(url: URL): string[] {
    return [url.pathname.slice(0, url.pathname.lastIndexOf("/"))];
  }

  /** Refuses a colon in the user name, which would end it (RFC 7617 §2). */
  protected override checkPassword(user: string): void {
    if (user.includes(":")) throw new TypeError("Cannot authenticate: a user name of Basic holds no colon");
  }
}
