/**
 * SPNEGO-based Negotiate authentication (RFC 4559) with tokens from outside: Kerberos is part of the operating system.
 *
 * @module
 */
import { checkFunction, checkIterable, checkOptions } from "../../../internal/expected.ts";
import { parseUri } from "../../protocol/uri.ts";
import type { AuthRequest, AuthSchemeType } from "./scheme.ts";
import type { Connection } from "../../transports/connection.ts";
import { channelBinding, ConnectionScheme, type Handshake } from "./connection_scheme.ts";
import { fromBase64 } from "./text.ts";

/** What a {@linkcode NegotiateTokenSource} gets. */
export interface NegotiateRequest {
  /** The service whose ticket is wanted, as GSS-API writes it: "HTTP@host". */
  readonly service: string;
  /** The host alone. */
  readonly host: string;
  /** True when a proxy asks. */
  readonly isForProxy: boolean;
  /** The server's token; null for the first round. */
  readonly challenge: Uint8Array | null;
  /**
   * True when the server has accepted the request: its token only remains to be checked; what is returned is ignored.
   */
  readonly isFinal: boolean;
  /** "tls-server-end-point:…" of RFC 5929 for the connection, where the transport shows the certificate; null otherwise. */
  readonly channelBinding: Uint8Array | null;
  /** Kept from round to round of one connection: a place for the security context. */
  readonly context: Map<string, unknown>;
}

/** Makes the next token of a security context; null gives up. An error it throws ends the message. */
export type NegotiateTokenSource = (request: NegotiateRequest) => Uint8Array | null | Promise<Uint8Array | null>;

/** Options of {@linkcode AuthNegotiate.using}. */
export interface AuthNegotiateOptions {
  /** Makes the tokens, for example through GSS-API or SSPI. */
  source: NegotiateTokenSource;
  /** The origins that may have them: a ticket identifies the user, and no other origin gets one. @default {[]} */
  readonly origins?: Iterable<string | URL> | undefined;
}

/**
 * Negotiate (RFC 4559), the strongest scheme. {@linkcode AuthNegotiate.using} gives it a source of tokens; a listener of
 * `authenticate` may answer with a base64 token instead, good for one connection and one round. Off unless it is added.
 *
 * @example Take tokens from elsewhere
 * ```ts
 * import { AuthNegotiate, HttpSession } from "@gp11/gp11/http";
 *
 * const session = new HttpSession();
 * session.addFeatureByType(AuthNegotiate.using({
 *   origins: ["https://intranet.example"],
 *   source: ({ service, challenge }) => new TextEncoder().encode(`${service} ${challenge === null ? 1 : 2}`),
 * }));
 * await session.close();
 * ```
 */
export class AuthNegotiate extends ConnectionScheme {
  /** "Negotiate". */
  static override readonly schemeName: string = "Negotiate";
  /** The strongest. */
  static override readonly strength: number = 7;
  /** Takes tokens. */
  override readonly credentialKind: "password" | "token" = "token";

  /** The scheme with a source of tokens; hand it to `session.addFeatureByType`. */
  static using(options: AuthNegotiateOptions): AuthSchemeType<AuthNegotiate> {
    const { source, origins: given = [] } = checkOptions("use AuthNegotiate", options);
    checkFunction("use AuthNegotiate", source, "source to be a function");
    checkIterable("use AuthNegotiate", given, "a list of origins");
    const origins = new Set(Array.from(given, (origin) => parseUri(origin).origin));
    return class extends AuthNegotiate {
      protected override readonly source: NegotiateTokenSource | null = source;
      protected override mayHaveToken(origin: string): boolean {
        return origins.has(origin);
      }
    };
  }

  /** Makes tokens; null leaves it to the listeners. */
  protected readonly source: NegotiateTokenSource | null = null;
  /** The credentials come from the source, not from a listener. */
  #isFromSource = false;
  /** A first token and its context that were made to see whether the source has one. */
  #ready: { readonly token: Uint8Array; readonly context: Map<string, unknown> } | null = null;

  /** True if the source may be asked for this origin. */
  protected mayHaveToken(_origin: string): boolean {
    return false;
  }

  /** Sees whether the source has a token for this host. */
  override obtain(request: AuthRequest): boolean | Promise<boolean> {
    if (this.source === null || !this.mayHaveToken(this.origin)) return false;
    const context = new Map<string, unknown>();
    const take = (token: Uint8Array | null): boolean => {
      if (token === null) return false;
      super.authenticateToken("");
      this.#isFromSource = true;
      this.#ready = { token, context };
      return true;
    };
    const token = this.#ask({ connection: request.connection, host: request.host, context }, null, false);
    return token instanceof Promise ? token.then(take) : take(token);
  }

  /** Takes a listener's token. */
  override authenticateToken(token: string): void {
    this.#isFromSource = false;
    super.authenticateToken(token);
  }

  /** The first token of a connection. */
  protected override firstToken(handshake: Handshake): Uint8Array | null | Promise<Uint8Array | null> {
    if (!this.#isFromSource) return this.credentials?.kind === "token" ? fromBase64(this.credentials.token) : null;
    const ready = this.#ready;
    this.#ready = null;
    if (ready === null) return this.#ask(handshake, null, false);
    for (const [key, value] of ready.context) handshake.context.set(key, value);
    return ready.token;
  }

  /** The next token. */
  protected override answer(
    handshake: Handshake,
    challenge: Uint8Array,
  ): Uint8Array | null | Promise<Uint8Array | null> {
    return this.#isFromSource ? this.#ask(handshake, challenge, false) : null;
  }

  /** Shows the source the server's last token. */
  protected override verify(handshake: Handshake, token: Uint8Array | null): void | Promise<void> {
    if (!this.#isFromSource || token === null) return;
    const checked = this.#ask(handshake, token, true);
    if (checked instanceof Promise) return checked.then(() => {});
  }

  #ask(
    { connection, host, context }: Pick<Handshake, "host" | "context"> & { readonly connection: Connection | null },
    challenge: Uint8Array | null,
    isFinal: boolean,
  ): Uint8Array | null | Promise<Uint8Array | null> {
    return this.source!({
      service: `HTTP@${host}`,
      host,
      isForProxy: this.isForProxy,
      challenge,
      isFinal,
      channelBinding: channelBinding(connection),
      context,
    });
  }

  /** Refuses what is not base64. */
  protected override checkToken(token: string): void {
    if (fromBase64(token) === null) throw new TypeError("Cannot authenticate: the token is not base64");
  }
}
