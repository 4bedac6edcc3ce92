/** Schemes that send what they have as it is: Basic (RFC 7617) and Bearer (RFC 6750). */
import { concatBytes, toBase64 } from "../../../internal/bytes.ts";
import type { Challenge } from "../../protocol/challenges.ts";
import {
  type Authorization,
  type AuthRequest,
  AuthScheme,
  type AuthSchemeType,
  type AuthStep,
  plainStep,
} from "./scheme.ts";
import { encodeCredential, encodeLatin1 } from "./text.ts";
import { parseUri } from "../../protocol/uri.ts";
import { checkFunction, checkIterable, checkOptions } from "../../../internal/expected.ts";
import type { FetchInput } from "../../../internal/platform_types.ts";
import { MessageFlags } from "../../message/message.ts";
import type { HttpFetchInit } from "../../contract/message_options.ts";
import { AuthFeature } from "./auth_feature.ts";

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

/** What a {@linkcode BearerRefresh} gets. */
export interface BearerRefreshRequest {
  /** The origin that wants a token, for example "https://api.example". */
  readonly origin: string;
  /** The URL that was asked for. */
  readonly url: URL;
  /** The realm of the challenge; empty without one. */
  readonly realm: string;
  /** The scopes the server wants (RFC 6750 §3); null when it does not say. */
  readonly scope: string | null;
  /** Why the last token was refused, for example "invalid_token"; null when none was sent. */
  readonly error: string | null;
  /** The token that was refused; null when none was sent. */
  readonly refusedToken: string | null;
  /**
   * `session.fetch` for asking a token server: it does not wait for a free connection, which the messages that wait for
   * the token may hold, and leaves authentication to the caller.
   */
  readonly fetch: (input: FetchInput, init?: HttpFetchInit) => Promise<Response>;
}

/** Gets a token; null when there is none. */
export type BearerRefresh = (request: BearerRefreshRequest) => string | null | Promise<string | null>;

/** Options of {@linkcode AuthBearer.using}. */
export interface AuthBearerOptions {
  /** The origins that may have the token. No other server gets it, whatever it asks for. */
  origins: Iterable<string | URL>;
  /** Called once for all messages that wait for a token: at the first challenge and when a token was refused. */
  refresh: BearerRefresh;
}

/**
 * Bearer tokens (RFC 6750). A listener of `authenticate` answers with `authenticateToken`, or {@linkcode AuthBearer.using}
 * gives a function that gets and renews tokens. Tokens are good for the whole origin.
 *
 * @example Renew tokens without asking
 * ```ts
 * import { AuthBearer, HttpSession } from "@gp11/gp11/http";
 *
 * const session = new HttpSession();
 * session.addFeatureByType(AuthBearer.using({
 *   origins: ["https://api.example"],
 *   refresh: ({ scope }) => `token-for-${scope ?? "everything"}`,
 * }));
 * await session.close();
 * ```
 */
export class AuthBearer extends AuthScheme {
  /** "Bearer". */
  static override readonly schemeName: string = "Bearer";
  /** Above Basic: a token says less than a password. */
  static override readonly strength: number = 2;
  /** Takes tokens. */
  override readonly credentialKind: "password" | "token" = "token";

  #parameters: ReadonlyMap<string, string> = new Map();
  #refusedToken: string | null = null;

  /** The scheme with a function that gets tokens; hand it to `session.addFeatureByType`. */
  static using(options: AuthBearerOptions): AuthSchemeType<AuthBearer> {
    const { refresh } = checkOptions("use AuthBearer", options);
    checkFunction("use AuthBearer", refresh, "refresh to be a function");
    checkIterable("use AuthBearer", options.origins, "a list of origins");
    const origins = new Set(Array.from(options.origins, (origin) => parseUri(origin).origin));
    return class extends AuthBearer {
      protected override readonly refresh: BearerRefresh | null = refresh;
      protected override mayHaveToken(origin: string): boolean {
        return origins.has(origin);
      }
    };
  }

  /** Gets a token; null leaves it to the listeners. */
  protected readonly refresh: BearerRefresh | null = null;

  /** True if `refresh` may be asked for this origin. */
  protected mayHaveToken(_origin: string): boolean {
    return false;
  }

  /** Takes scope and error from a challenge; a second one means the token was refused. */
  override challenged(challenge: Challenge, used: Authorization | null): AuthStep | null {
    this.#parameters = challenge.parameters;
    if (used === null) return plainStep;
    this.#refusedToken = used.value === null ? null : used.value.slice("Bearer ".length);
    return null;
  }

  /** Writes `Bearer` and the token (RFC 6750 §2.1). */
  override authorize(_request: AuthRequest): Authorization {
    const credentials = this.credentials;
    return {
      value: credentials?.kind === "token" ? `Bearer ${credentials.token}` : null,
      generation: this.generation,
    };
  }

  /** Asks `refresh`. */
  override obtain(request: AuthRequest): boolean | Promise<boolean> {
    const { refresh } = this;
    if (refresh === null || !this.mayHaveToken(this.origin)) return false;
    const take = (token: string | null): boolean => {
      if (token === null) return false;
      this.authenticateToken(token);
      return true;
    };
    const token = refresh({
      origin: this.origin,
      url: new URL(request.url),
      realm: this.realm,
      scope: this.#parameters.get("scope") ?? null,
      error: this.#parameters.get("error") ?? null,
      refusedToken: this.#refusedToken,
      fetch: (input, init = {}) =>
        request.session.fetch(input, {
          ...init,
          prepare(msg) {
            msg.flags.add(MessageFlags.IGNORE_CONNECTION_LIMITS);
            msg.disableFeature(AuthFeature);
            init.prepare?.(msg);
          },
        }),
    });
    return token instanceof Promise ? token.then(take) : take(token);
  }
}
