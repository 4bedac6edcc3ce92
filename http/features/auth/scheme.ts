/**
 * What an authentication scheme is. The schemes of this folder and those of a user's own derive from one class.
 *
 * @module
 */
import { checkOptions, checkText } from "../../../internal/expected.ts";
import type { Connection } from "../../transports/connection.ts";
import type { HttpMessage, MessageBody } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import type { Challenge } from "../../protocol/challenges.ts";
import type { Auth, AuthenticateOptions } from "../../contract/session_events.ts";
import { checkCredentialText, decodeFieldText } from "./text.ts";

/** The request an Authorization field is written for. */
export interface AuthRequest {
  /** The session. */
  readonly session: FeatureSession;
  /** The message. */
  readonly msg: HttpMessage;
  /** The method on the wire: "CONNECT" for a tunnel. */
  readonly method: string;
  /** The request target on the wire: path and query, or host and port of a tunnel. */
  readonly target: string;
  /** What is asked for, as an http: or https: URL. */
  readonly url: URL;
  /** Host that asks for authentication: the origin's or the proxy's. */
  readonly host: string;
  /** The request body; null for none and for tunnels. */
  readonly body: MessageBody | null;
  /** The connection the request goes out on; null before one is chosen, as it is for schemes not bound to one. */
  readonly connection: Connection | null;
}

/** What was sent with one attempt. Schemes derive from it what they need to remember. */
export interface Authorization {
  /** The field value; null when the request needs none, as on a connection that is authenticated already. */
  readonly value: string | null;
  /** {@linkcode AuthScheme.generation} of the credentials that were used. */
  readonly generation: number;
  /** Whether user name and password went in UTF-8; absent where that is no question. */
  readonly isUtf8?: boolean | undefined;
}

/** What a challenge left for the next attempt of the same message. Schemes derive from it what they need. */
export interface AuthStep {
  /** The connection the next attempt must go out on; null when any will do. */
  readonly connection: Connection | null;
}

/** Checks a response body while it passes. */
export interface BodyCheck {
  /** Takes a piece of the body as it came over the wire. */
  update(chunk: Uint8Array): void;
  /**
   * The body is complete.
   *
   * @throws {AuthenticationError} If it is not what the server vouched for.
   */
  finish(): void;
}

/** A step without anything to remember. */
export const plainStep: AuthStep = { connection: null };

/** Name and strength of a scheme: the static side of {@linkcode AuthScheme}. */
export interface AuthSchemeType<T extends AuthScheme = AuthScheme> {
  /** Makes the object of one protection space. */
  new (): T;
  /** Name as it appears in challenges, for example "Digest". */
  readonly schemeName: string;
  /** The strongest of the offered schemes wins. Basic 1, Bearer 2, NTLM 3, Digest 5, Negotiate 7. */
  readonly strength: number;
  /** Of several challenges of one scheme the greatest is taken; below zero it cannot be answered. */
  rank(challenge: Challenge): number;
}

/**
 * One protection space that asks for credentials, under one scheme (`SoupAuth`). The same object serves all messages of
 * the space: it holds the credentials and the parameters the server has sent.
 *
 * Derive from it to teach a session a scheme of your own, and add the class with `session.addFeatureByType`.
 */
export abstract class AuthScheme implements Auth {
  /** Name as it appears in challenges. */
  static readonly schemeName: string = "";
  /** The strongest of the offered schemes wins. */
  static readonly strength: number = 0;

  /** Of several challenges of one scheme the greatest is taken; below zero it cannot be answered. */
  static rank(_challenge: Challenge): number {
    return 0;
  }

  /** What it is authenticated with. */
  readonly credentialKind: "password" | "token" = "password";
  /** True when a connection is authenticated instead of every request. */
  readonly isConnectionBound: boolean = false;
  /** User names a password store knows for this space; the first one has been filled in. */
  savedUsers: readonly string[] = [];
  /** Grows whenever the credentials change: distinguishes the refusal of old credentials from one of new ones. */
  generation = 0;
  /** Where an answer goes that this scheme has no use for: the strongest offered scheme that takes it. */
  alternative: AuthScheme | null = null;

  #realm: string | null = null;
  #isForProxy = false;
  #origin = "";
  #credentials: Credentials | null = null;
  #isCancelled = false;
  #utf8Generation = -1;
  #provenGeneration = -1;

  /** Scheme name, for example "Basic". */
  get scheme(): string {
    return (this.constructor as unknown as AuthSchemeType).schemeName;
  }

  /** The realm as people read it; empty for schemes without one. */
  get realm(): string {
    return decodeFieldText(this.rawRealm);
  }

  /** The realm as it came, one character per byte. */
  get rawRealm(): string {
    return this.#realm ?? "";
  }

  /** False for credentials that were given before any challenge: the first one of the scheme names the realm. */
  get isRealmKnown(): boolean {
    return this.#realm !== null;
  }

  /** True for a proxy's challenge. */
  get isForProxy(): boolean {
    return this.#isForProxy;
  }

  /** Who asks: scheme, host and port of the origin or the proxy. */
  get origin(): string {
    return this.#origin;
  }

  /** True while there are credentials to send. */
  get isAuthenticated(): boolean {
    return this.#credentials !== null;
  }

  /** True after {@linkcode cancel}, until credentials are given. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** The user name that was given; null without one. */
  get user(): string | null {
    return this.#credentials?.kind === "password" ? this.#credentials.user : null;
  }

  /** What was given; null without. For schemes, not for listeners. */
  get credentials(): Credentials | null {
    return this.#credentials;
  }

  /**
   * Answers with a user name and a password (`soup_auth_authenticate`). If the scheme takes tokens only, the strongest
   * scheme of the same response that takes passwords gets them.
   *
   * @throws {TypeError} If either holds a control character, or no offered scheme takes passwords.
   */
  authenticate(user: string, password: string, options: AuthenticateOptions = {}): void {
    checkCredentialText("user name", user);
    checkCredentialText("password", password);
    if (this.credentialKind !== "password") {
      return this.#passOn("password", (other) => other.authenticate(user, password, options));
    }
    checkOptions("authenticate", options);
    this.checkPassword(user, password);
    this.#set({ kind: "password", user, password, remember: options.remember ?? false });
  }

  /**
   * Answers with a token. If the scheme takes passwords only, the strongest scheme of the same response that takes
   * tokens gets it.
   *
   * @throws {TypeError} If the token cannot be one of the scheme, or no offered scheme takes tokens.
   */
  authenticateToken(token: string): void {
    checkText("authenticate", token);
    if (this.credentialKind !== "token") return this.#passOn("token", (other) => other.authenticateToken(token));
    this.checkToken(token);
    this.#set({ kind: "token", token });
  }

  /** Declines (`soup_auth_cancel`): the message ends with the refusal, and so do those that wait for the same answer. */
  cancel(): void {
    this.forget();
    this.#isCancelled = true;
  }

  /** True once a server or proxy has accepted the present credentials. */
  get isProven(): boolean {
    return this.#credentials !== null && this.#provenGeneration === this.generation;
  }

  /** The credentials that were sent have proved right. */
  proved(): void {
    this.#provenGeneration = this.generation;
  }

  /** Drops the credentials: they were refused. */
  forget(): void {
    if (this.#credentials === null) return;
    this.#credentials = null;
    this.generation++;
  }

  /** Marks the credentials as handed to the password store. */
  remembered(): void {
    if (this.#credentials?.kind === "password") this.#credentials = { ...this.#credentials, remember: false };
  }

  /** Names the space; the realm is null as long as no challenge has named it. */
  bind(origin: string, realm: string | null, isForProxy: boolean): void {
    this.#origin = origin;
    this.#realm = realm;
    this.#isForProxy = isForProxy;
  }

  /** Called on the chosen one just before a listener is asked. */
  prepareQuestion(alternatives: readonly AuthScheme[]): void {
    this.#isCancelled = false;
    this.alternative = alternatives[0] ?? null;
  }

  /**
   * Takes a challenge in. `used` is what the refused attempt was sent with, null if it was sent without this scheme.
   * Returns what the next attempt needs, or null: with `used` the credentials were refused, without it the challenge is
   * of no use.
   */
  abstract challenged(challenge: Challenge, used: Authorization | null, connection: Connection | null): AuthStep | null;

  /** Writes the field for a request; a promise only where something has to be fetched or read first. */
  abstract authorize(request: AuthRequest, step: AuthStep | null): Authorization | Promise<Authorization>;

  /**
   * Looks at a response to accepted credentials: `challenges` are those of a successful response, `info` the parameters
   * of Authentication-Info. Returns a check of the body if the server vouched for it. An error it throws ends the
   * message.
   */
  accepted(
    _used: Authorization,
    _info: ReadonlyMap<string, string> | null,
    _challenges: readonly Challenge[],
  ): BodyCheck | null | Promise<BodyCheck | null> {
    return null;
  }

  /** The paths the credentials are good for, at and below each; "" is the whole origin. */
  protectionSpace(_url: URL): string[] {
    return [""];
  }

  /** Fetches credentials without asking a listener, where the scheme has a source of its own; false when it has none. */
  obtain(_request: AuthRequest): boolean | Promise<boolean> {
    return false;
  }

  /**
   * True once {@linkcode tryUtf8} has been tried with the present credentials: without a charset parameter nothing says
   * how user name and password are encoded.
   */
  protected get isUtf8Tried(): boolean {
    return this.#utf8Generation === this.generation;
  }

  /** Goes over to UTF-8 if ISO-8859-1 was refused and makes a difference; false if there is nothing left to try. */
  protected tryUtf8(used: Authorization): boolean {
    const { credentials } = this;
    if (credentials?.kind !== "password" || used.generation !== this.generation || used.isUtf8 !== false) return false;
    if (this.isUtf8Tried) return true; // Sent before another message went over.
    const text = credentials.user + credentials.password;
    if (!/[\x80-\xff]/.test(text) || /[^\0-\xff]/.test(text)) return false;
    this.#utf8Generation = this.generation;
    return true;
  }

  /** Refuses passwords the scheme cannot carry. */
  protected checkPassword(_user: string, _password: string): void {}

  /** Refuses tokens the scheme cannot carry. */
  protected checkToken(token: string): void {
    if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
      throw new TypeError(`Cannot authenticate: the token is not a token68 of RFC 9110 §11.2`);
    }
  }

  #set(credentials: Credentials): void {
    this.#credentials = credentials;
    this.#isCancelled = false;
    this.generation++;
  }

  #passOn(kind: "password" | "token", answer: (other: AuthScheme) => void): void {
    const other = this.alternative;
    if (other === null || other.credentialKind !== kind) {
      throw new TypeError(
        `Cannot authenticate with a ${kind}: the scheme ${this.scheme} takes a ${this.credentialKind}`,
      );
    }
    answer(other);
  }
}

/** What a listener, a store or a source gave. */
export type Credentials = PasswordCredentials | TokenCredentials;

/** A user name and its password. */
export interface PasswordCredentials {
  /** Which of the two. */
  readonly kind: "password";
  /** User name. */
  readonly user: string;
  /** Password. */
  readonly password: string;
  /** Hand them to the password store once they have proved right. */
  readonly remember: boolean;
}

/** A token. */
export interface TokenCredentials {
  /** Which of the two. */
  readonly kind: "token";
  /** The token. */
  readonly token: string;
}
