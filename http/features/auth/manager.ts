/**
 * Authentication of a session's messages (`SoupAuthManager`).
 *
 * @module
 */
import { parseUri } from "../../protocol/uri.ts";
import { checkClass, checkOwnOptions, type OptionNames, unexpected } from "../../../internal/expected.ts";
import { type Connection, isTunneled } from "../../transports/connection.ts";
import type { BodyTransform, SessionFeature } from "../../contract/feature.ts";
import type { FeatureType } from "../../message/feature_type.ts";
import { BodyStage } from "../../contract/feature.ts";
import { attemptGuard, type HttpMessage } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { accept, checkBody, type MessageAuth, takeCheck } from "./acceptance.ts";
import { AuthFeature } from "./auth_feature.ts";
import { AuthBasic, AuthBearer } from "./plain_schemes.ts";
import { AuthDigest } from "./digest.ts";
import {
  AuthProgress,
  carriesOneMessage,
  type Challenger,
  challengerOf,
  dropField,
  identify,
  identityName,
  isOwnField,
  itemOf,
  originChallenger,
  proxyChallenger,
  proxyFields,
  unverifiedIdentity,
  writeField,
} from "./auth_progress.ts";
import { mayUse, Negotiation } from "./negotiation.ts";
import { type Authorization, AuthScheme, type AuthSchemeType } from "./scheme.ts";

/**
 * How far the authentication of messages has come, for all sessions: a field that one session has written is not taken
 * for the caller's own when another session sends the message. A program without credentials looks nothing up.
 */
class MessageAuths {
  readonly #states = new WeakMap<HttpMessage, MessageAuth>();
  #isUsed = false;

  get(msg: HttpMessage): MessageAuth | undefined {
    return this.#isUsed ? this.#states.get(msg) : undefined;
  }

  has(msg: HttpMessage): boolean {
    return this.#isUsed && this.#states.has(msg);
  }

  set(msg: HttpMessage, state: MessageAuth): void {
    this.#isUsed = true;
    this.#states.set(msg, state);
  }
}

const messages = new MessageAuths();

/** Options of {@linkcode AuthManager}. */
export interface AuthManagerOptions {
  /** The schemes it knows. @default {[AuthBasic, AuthDigest, AuthBearer]} */
  readonly schemes?: Iterable<AuthSchemeType> | undefined;
}

const optionNames: OptionNames<AuthManagerOptions> = { schemes: true };

/**
 * Answers 401 and 407 (RFC 9110 §11). The strongest scheme a server offers is taken; credentials come from the URI, from
 * the scheme's own source, from a {@linkcode PasswordManager} or from the listeners of the session's `authenticate`; they
 * are sent again, without being asked for, wherever they are good, and to no other origin. A message with an
 * Authorization field of its own is left alone.
 *
 * Every session has one. Schemes are its sub-features: `session.addFeatureByType(AuthNtlm)`,
 * `session.removeFeatureByType(AuthBasic)`.
 *
 * @example Answer a server that asks for a password
 * ```ts
 * import { HttpSession, MockTransport } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * session.addFeature(
 *   new MockTransport(({ headers }) =>
 *     headers.get("authorization") === "Basic YWxpY2U6c2VjcmV0"
 *       ? new Response("hello alice")
 *       : new Response("who are you?", { status: 401, headers: { "www-authenticate": 'Basic realm="demo"' } })
 *   ),
 * );
 * session.addEventListener("authenticate", ({ auth, retrying }) => {
 *   if (!retrying) auth.authenticate("alice", "secret");
 * });
 * const response = await session.fetch("http://example.com/");
 * assertEquals(await response.text(), "hello alice");
 * ```
 */
export class AuthManager extends AuthFeature implements SessionFeature {
  /** Bodies are checked as they come over the wire (RFC 7616 §3.4.3). */
  readonly bodyStage: BodyStage = BodyStage.WIRE;

  #schemes: AuthSchemeType[];
  readonly #origins = new Negotiation();
  readonly #proxies = new Negotiation();

  /** Makes a manager without any credentials. */
  constructor(options: AuthManagerOptions = {}) {
    super();
    checkOwnOptions("make an AuthManager", options, optionNames);
    this.#schemes = [...(options.schemes ?? [AuthBasic, AuthDigest, AuthBearer])];
  }

  /** The schemes it knows. */
  get schemes(): readonly AuthSchemeType[] {
    return this.#schemes;
  }

  /** Takes a scheme in, in place of one of the same name; false for what is no scheme. */
  addFeature(type: FeatureType): boolean {
    checkClass("add a scheme", type);
    if (!isScheme(type)) return false;
    const name = type.schemeName.toLowerCase();
    this.#schemes = [type, ...this.#schemes.filter(({ schemeName }) => schemeName.toLowerCase() !== name)];
    return true;
  }

  /** Drops a scheme and its subclasses, with the credentials they hold; false if there was none. */
  removeFeature(type: FeatureType): boolean {
    if (!this.hasFeature(type)) return false;
    this.#schemes = this.#schemes.filter((scheme) => !isSameOrSubclass(scheme, type));
    this.#origins.spaces.removeType(type);
    this.#proxies.spaces.removeType(type);
    return true;
  }

  /** True if it knows the scheme or a subclass of it. */
  hasFeature(type: FeatureType): boolean {
    checkClass("look for a scheme", type);
    return this.#schemes.some((scheme) => isSameOrSubclass(scheme, type));
  }

  /**
   * Uses credentials from the first request on, at and below a URI (`soup_auth_manager_use_auth`). Schemes that need a
   * challenge first, such as Digest, answer it without asking.
   *
   * @throws {TypeError} If the URI is no http or https URI, or the scheme has no credentials.
   */
  useAuth(uri: string | URL, auth: AuthScheme): void {
    const url = parseUri(uri);
    if (!(auth instanceof AuthScheme)) throw unexpected("use credentials", "an AuthScheme", auth);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError(`Cannot use credentials for ${url.protocol}: they belong to http: or https: origins`);
    }
    if (!auth.isAuthenticated) throw new TypeError(`Cannot use ${auth.scheme}: it has no credentials`);
    if (auth.origin !== "" && auth.origin !== url.origin) {
      throw new TypeError(`Cannot use ${auth.scheme} for ${url.origin}: it belongs to ${auth.origin}`);
    }
    if (!auth.isRealmKnown) auth.bind(url.origin, null, false);
    this.#origins.spaces.record(url.origin, auth, auth.protectionSpace(url));
  }

  /** Forgets all credentials (`soup_auth_manager_clear_cached_credentials`). */
  clearCachedCredentials(): void {
    this.#origins.spaces.clear();
    this.#proxies.spaces.clear();
  }

  /** Puts credentials on a request before a connection is chosen, so that caches see them. */
  requestStarting(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    if (this.#origins.spaces.isEmpty && !messages.has(msg)) return;
    const item = itemOf(msg);
    if (item !== null) item.identity = "";
    const challenger = this.#isInCharge(session, msg) ? originChallenger(session, msg, null) : null;
    if (challenger !== null) return this.#prepare(msg, challenger);
  }

  /** Puts a proxy's credentials on the request for a tunnel. */
  connecting(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void> {
    if (!isTunneled(connection.target) || !this.#isInCharge(session, msg)) return;
    return this.#prepareProxy(session, msg, connection);
  }

  /** Answers a proxy that wants credentials before it makes a tunnel. */
  tunnelRefused(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void> {
    const challenger = this.#isInCharge(session, msg) ? proxyChallenger(session, msg, connection) : null;
    if (challenger !== null) return this.#refused(session, msg, challenger, attemptGuard(msg));
  }

  /** Puts on a request what depends on the connection: rounds of NTLM and Negotiate, a proxy's credentials. */
  requestStarted(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void> {
    const state = messages.get(msg);
    if (connection.proxy === null && this.#origins.spaces.isEmpty && state === undefined) return;
    if (!this.#isInCharge(session, msg)) return;
    if (connection.proxy === null && state !== undefined) dropField(msg, proxyFields, state.proxy);
    if (connection.proxy !== null && !isTunneled(connection.target)) {
      const pending = this.#prepareProxy(session, msg, connection);
      if (pending !== undefined) return pending.then(() => this.#prepareOrigin(session, msg, connection));
    }
    return this.#prepareOrigin(session, msg, connection);
  }

  /** Looks at challenges, and at the Authentication-Info of a server that has accepted the credentials. */
  gotHeaders(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const state = messages.get(msg);
    if (state === undefined && msg.statusCode !== 401 && msg.statusCode !== 407) return;
    if (this.#isInCharge(session, msg)) return this.#look(session, msg, state);
  }

  #look(session: FeatureSession, msg: HttpMessage, state: MessageAuth | undefined): void | Promise<void> {
    const accepted = state === undefined ? undefined : accept(session, msg, state);
    if (msg.statusCode !== 401 && msg.statusCode !== 407) return accepted;
    const isWanted = attemptGuard(msg);
    const refuse = (): void | Promise<void> => {
      const challenger = isWanted() ? challengerOf(session, msg) : null;
      if (challenger !== null) return this.#refused(session, msg, challenger, isWanted);
    };
    return accepted === undefined ? refuse() : accepted.then(refuse);
  }

  /** Checks a body whose hash the server has sent (qop=auth-int). */
  transformBody(_session: FeatureSession, msg: HttpMessage): BodyTransform | null {
    const state = messages.get(msg);
    const check = state === undefined ? null : takeCheck(msg, state);
    return check === null ? null : checkBody(check);
  }

  /** A response without a body is checked, too, and one whose body came in one piece (`sendMessageSync`). */
  gotBody(_session: FeatureSession, msg: HttpMessage): void {
    const state = messages.get(msg);
    const check = state === undefined ? null : takeCheck(msg, state);
    if (check === null) return;
    check.update(msg.responseBody);
    check.finish();
  }

  /** Lets other messages ask that wait for the credentials this one has asked for. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    const state = messages.get(msg);
    if (state === undefined) return;
    state.check = null;
    this.#origins.abandon(msg);
    this.#proxies.abandon(msg);
    state.origin.reset("");
    state.proxy.reset("");
  }

  /** Of several managers of a session the newest acts. */
  #isInCharge(session: FeatureSession, msg: HttpMessage): boolean {
    return session.getFeatureForMessage(AuthManager, msg) === this;
  }

  /** Whose credentials a message goes out with, as things stand now; null when it goes without any of ours. */
  #authOf(msg: HttpMessage, { isForProxy, request }: Challenger): AuthScheme | null {
    const { connection, session } = request;
    if (!this.#isInCharge(session, msg)) return null;
    const challenger = isForProxy
      ? proxyChallenger(session, msg, connection)
      : originChallenger(session, msg, connection);
    if (challenger === null) return null;
    const state = messages.get(msg);
    const progress = (isForProxy ? state?.proxy : state?.origin) ?? new AuthProgress();
    if (isOwnField(msg, challenger, progress)) return null;
    const next = progress.origin === challenger.origin ? progress.next : null;
    return next?.auth ?? this.#known(challenger);
  }

  /** The credentials that are known for what is asked for. */
  #known(challenger: Challenger): AuthScheme | null {
    const { spaces } = challenger.isForProxy ? this.#proxies : this.#origins;
    const deepest = spaces.find(challenger.origin, challenger.request.url.pathname);
    return deepest !== null && mayUse(deepest, challenger) ? deepest : null;
  }

  #stateOf(msg: HttpMessage): MessageAuth {
    let state = messages.get(msg);
    if (state === undefined) {
      state = { origin: new AuthProgress(), proxy: new AuthProgress(), check: null };
      messages.set(msg, state);
    }
    return state;
  }

  #prepareOrigin(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void> {
    const challenger = originChallenger(session, msg, connection);
    if (challenger === null) return;
    const progress = messages.get(msg)?.origin;
    // Written before the connection was chosen, and still for the same origin: done.
    if (progress?.origin === challenger.origin && progress.sent !== null && !progress.sent.auth.isConnectionBound) {
      return;
    }
    return this.#prepare(msg, challenger);
  }

  #prepareProxy(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void> {
    if (this.#proxies.spaces.isEmpty && !messages.has(msg)) return;
    const challenger = proxyChallenger(session, msg, connection);
    if (challenger !== null) return this.#prepare(msg, challenger);
  }

  /** Writes the field for one attempt, or removes that of an earlier one. */
  #prepare(msg: HttpMessage, challenger: Challenger): void | Promise<void> {
    const known = messages.get(msg);
    const found = this.#known(challenger);
    if (known === undefined && found === null) return;
    const state = known ?? this.#stateOf(msg);
    const progress = challenger.isForProxy ? state.proxy : state.origin;
    if (progress.origin !== challenger.origin) progress.reset(challenger.origin);
    progress.sent = null;
    if (isOwnField(msg, challenger, progress)) return;
    const auth = progress.next?.auth ?? found;
    const { connection } = challenger.request;
    const isOwn = connection !== null && carriesOneMessage(connection);
    if (auth === null || !auth.isAuthenticated || (auth.isConnectionBound && !isOwn)) {
      const item = itemOf(msg);
      if (auth?.isAuthenticated && item !== null) {
        item.identity = auth.isProven ? identityName(auth) : unverifiedIdentity;
        if (auth.isConnectionBound && !challenger.isForProxy) item.needsHttp1 = true;
      }
      return writeField(msg, challenger, progress, null);
    }
    const isWanted = attemptGuard(msg);
    const write = (authorization: Authorization): void => {
      if (!isWanted()) return;
      progress.sent = { auth, authorization };
      identify(challenger, auth, authorization, (other) => this.#authOf(other, challenger));
      writeField(msg, challenger, progress, authorization.value);
    };
    const authorization = auth.authorize(challenger.request, progress.next?.step ?? null);
    return authorization instanceof Promise ? authorization.then(write) : write(authorization);
  }

  #refused(
    session: FeatureSession,
    msg: HttpMessage,
    challenger: Challenger,
    isWanted: () => boolean,
  ): void | Promise<void> {
    const state = this.#stateOf(msg);
    const progress = challenger.isForProxy ? state.proxy : state.origin;
    if (isOwnField(msg, challenger, progress)) return;
    if (progress.origin !== challenger.origin) progress.reset(challenger.origin);
    const negotiation = challenger.isForProxy ? this.#proxies : this.#origins;
    const requeue = (isAgain: boolean): void => {
      if (!isAgain || !isWanted()) return;
      const isBound = challenger.request.method === "CONNECT" || progress.next?.auth.isConnectionBound === true;
      const item = itemOf(msg);
      if (progress.next?.auth.isConnectionBound && !challenger.isForProxy && item !== null) item.needsHttp1 = true;
      const sameConnection = isBound && !(challenger.isForProxy && moveToSockets(session, msg));
      session.requeueMessage(msg, { after: "body", sameConnection });
    };
    const again = negotiation.refused({ session, msg, challenger, progress, isWanted }, this.#schemes);
    return again instanceof Promise ? again.then(requeue) : requeue(again);
  }
}

function isScheme(type: FeatureType): type is AuthSchemeType & FeatureType {
  return type.prototype instanceof AuthScheme;
}

function isSameOrSubclass(type: unknown, base: FeatureType): boolean {
  return type === base || (type as { prototype: unknown }).prototype instanceof base;
}

/**
 * Fetch does not keep the connection to a proxy that has refused (Bun closes it); rounds on one connection then need a
 * transport that shows its connections. True if the message goes to another transport than before.
 */
function moveToSockets(session: FeatureSession, msg: HttpMessage): boolean {
  const isThere = itemOf(msg)?.transport?.capabilities.connectionEvents ?? true;
  if (isThere || !session.capabilities.connectionEvents) return false;
  msg.requires = [...msg.requires, "connectionEvents"];
  return true;
}
