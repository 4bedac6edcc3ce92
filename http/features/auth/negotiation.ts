/**
 * What happens when a server or proxy refuses a message: choosing a scheme, finding credentials, asking for them.
 *
 * @module
 */
import type { HttpMessage } from "../../message/message.ts";
import { MessageFlags } from "../../message/message.ts";
import { type Challenge, parseChallenges } from "../../protocol/challenges.ts";
import { isBlocking } from "../../contract/blocking.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { AuthenticateEvent } from "../../contract/session_events.ts";
import { PasswordManager, type PasswordRequest, type SavedPassword } from "./password_manager.ts";
import { type Answer, ProtectionSpaces, Questions } from "./protection_spaces.ts";
import type { AuthScheme, AuthSchemeType, AuthStep, Credentials } from "./scheme.ts";
import { type AuthProgress, carriesOneMessage, type Challenger, itemOf } from "./auth_progress.ts";

/** How often one message is sent again without asking for credentials; a server that wants more never accepts. */
const MAX_AUTOMATIC = 10;

/** How often one message asks for credentials for one challenger. */
const MAX_QUESTIONS = 20;

/** A challenge that can be answered. */
export interface Offer {
  /** The scheme. */
  readonly type: AuthSchemeType;
  /** The challenge. */
  readonly challenge: Challenge;
  /** Its realm, as it came; empty without one. */
  readonly realm: string;
}

/** The challenges that can be answered, strongest first; of equals the server's first. */
export function rankOffers(types: readonly AuthSchemeType[], challenges: readonly Challenge[]): Offer[] {
  const offers: { offer: Offer; rank: number }[] = [];
  for (const challenge of challenges) {
    const name = challenge.scheme.toLowerCase();
    const type = types.find(({ schemeName }) => schemeName.toLowerCase() === name);
    const rank = type?.rank(challenge) ?? -1;
    if (type === undefined || rank < 0) continue;
    offers.push({ offer: { type, challenge, realm: challenge.parameters.get("realm") ?? "" }, rank });
  }
  offers.sort((left, right) => right.offer.type.strength - left.offer.type.strength || right.rank - left.rank);
  return offers.map(({ offer }) => offer);
}

/** One refusal. */
export interface Refused {
  readonly session: FeatureSession;
  readonly msg: HttpMessage;
  readonly challenger: Challenger;
  readonly progress: AuthProgress;
  /** True as long as the message is in the attempt that was refused. */
  readonly isWanted: () => boolean;
}

interface Refusal extends Refused {
  readonly offers: readonly Offer[];
  /** Whose credentials were refused just now; null if none were. */
  readonly prior: AuthScheme | null;
  /** The credentials that were refused; null if none were. */
  readonly refusedCredentials: Credentials | null;
}

/** Deals with refusals from origins, or from proxies. */
export class Negotiation {
  readonly spaces: ProtectionSpaces = new ProtectionSpaces();
  readonly #questions = new Questions();

  /** A message has left the queue. */
  abandon(msg: HttpMessage): void {
    this.#questions.abandon(msg);
  }

  /**
   * A refusal has come in: `progress.next` is set, and true returned, if the message is to be sent again. A promise only
   * where somebody has to be waited for.
   */
  refused(refused: Refused, types: readonly AuthSchemeType[]): boolean | Promise<boolean> {
    const { challenger, msg, progress } = refused;
    const offers = rankOffers(types, parseChallenges(msg.responseHeaders.get(challenger.fields.challenge) ?? ""));
    const { sent } = progress;
    progress.next = null;
    let refusedCredentials: Credentials | null = null;
    const same = sent === null ? undefined : offers.find((offer) => isOf(sent.auth, offer));
    if (sent !== null && same !== undefined) {
      if (!sent.auth.isRealmKnown) sent.auth.bind(challenger.origin, same.realm, challenger.isForProxy);
      const step = sent.auth.challenged(same.challenge, sent.authorization, challenger.request.connection);
      if (step !== null) return this.#retryWith(progress, msg, sent.auth, step);
      if (sent.authorization.generation === sent.auth.generation) {
        refusedCredentials = sent.auth.credentials;
        sent.auth.forget();
        this.spaces.remove(challenger.origin, sent.auth);
      }
    }
    const first = same ?? offers[0];
    if (first === undefined || !canSendAgain(msg)) return false;
    const others = offers.filter((offer) => offer !== first);
    const prior = same === undefined ? null : sent!.auth;
    return this.#choose({ ...refused, offers: [first, ...others], prior, refusedCredentials });
  }

  #retryWith(progress: AuthProgress, msg: HttpMessage, auth: AuthScheme, step: AuthStep): boolean {
    if (++progress.automatic > MAX_AUTOMATIC || !canSendAgain(msg)) return false;
    progress.next = { auth, step };
    return true;
  }

  /** Credentials that are known for the realm, those of the URI, those of a source, those of a listener. */
  #choose(refusal: Refusal): boolean | Promise<boolean> {
    const { challenger, progress, msg, offers } = refusal;
    const found = this.#chooseSchemes(refusal);
    if (found === null) return false;
    const { auth, others } = found;
    const known = auth.isAuthenticated || auth.credentialKind === "password"
      ? auth
      : others.find((other) => other.isAuthenticated) ?? auth;
    if (known.isAuthenticated) {
      return this.#use(refusal, known) && this.#retryWith(progress, msg, known, progress.next!.step);
    }
    const { uriCredentials } = challenger;
    if (uriCredentials !== null && !progress.isUriTried) {
      progress.isUriTried = true;
      const taker = [auth, ...others].find((other) => other.credentialKind === "password");
      if (taker !== undefined) {
        taker.authenticate(uriCredentials.user, uriCredentials.password);
        return this.#use(refusal, taker);
      }
    }
    if (++progress.questions > MAX_QUESTIONS) return false;
    const key = `${challenger.origin} ${auth.scheme} ${offers[0]!.realm}`;
    const answer = this.#questions.ask(
      key,
      msg,
      refusal.isWanted,
      () => this.#obtainCredentials(refusal, auth, others),
    );
    if (!(answer instanceof Promise)) return this.#answered(refusal, answer);
    return answer.then((given) => refusal.isWanted() && this.#answered(refusal, given));
  }

  #answered(refusal: Refusal, answer: Answer): boolean {
    if (answer === null || !answer.isAuthenticated) return false;
    // Sending the same again would be refused again, and lock an account in the end.
    if (answer === refusal.prior && isSame(answer.credentials, refusal.refusedCredentials)) {
      answer.forget();
      return false;
    }
    return this.#use(refusal, answer);
  }

  /** The strongest scheme that can be used, and the strongest one that takes the other kind of credentials. */
  #chooseSchemes({ challenger, offers, prior }: Refusal): { auth: AuthScheme; others: AuthScheme[] } | null {
    let first: AuthScheme | null = null;
    for (const offer of offers) {
      const auth = this.#authFor(challenger, offer, prior);
      if (first !== null && auth.credentialKind === first.credentialKind) continue;
      if (auth.isConnectionBound && !hasConnectionOfItsOwn(challenger)) continue;
      if (auth.challenged(offer.challenge, null, challenger.request.connection) === null) continue;
      if (first !== null) return { auth: first, others: [auth] };
      first = auth;
    }
    return first && { auth: first, others: [] };
  }

  /** The scheme's object for the realm: the one that is known, the one that was refused, else a new one. */
  #authFor(challenger: Challenger, offer: Offer, prior: AuthScheme | null): AuthScheme {
    const { realm, type } = offer;
    const { pathname } = challenger.request.url;
    const known = this.spaces.lookup(challenger.origin, type, realm, pathname);
    const isUsable = known !== null && mayUse(known, challenger);
    if (isUsable && known.isRealmKnown) return known;
    if (!isUsable && prior !== null && isOf(prior, offer)) return prior;
    const auth = isUsable ? known : new type();
    auth.bind(challenger.origin, realm, challenger.isForProxy);
    return auth;
  }

  /** Notes where the credentials are good and prepares the next attempt with them. */
  #use({ challenger, offers, progress }: Refusal, auth: AuthScheme): boolean {
    const offer = offers.find((candidate) => isOf(auth, candidate));
    const step = offer === undefined ? null : auth.challenged(offer.challenge, null, challenger.request.connection);
    if (step === null) return false;
    const { origin, request } = challenger;
    const other = this.spaces.lookup(origin, offer!.type, offer!.realm, request.url.pathname);
    // Credentials of one URI do not replace those the realm is known with.
    if (other === null || other === auth) this.spaces.record(origin, auth, auth.protectionSpace(request.url));
    progress.next = { auth, step };
    return true;
  }

  /** Asks the scheme's own source, then the store, then the listeners. */
  #obtainCredentials(refusal: Refusal, auth: AuthScheme, others: readonly AuthScheme[]): Answer | Promise<Answer> {
    const { challenger, progress } = refusal;
    if (progress.isObtained) return this.#askStore(refusal, auth, others);
    progress.isObtained = true;
    const obtained = auth.obtain(challenger.request);
    if (obtained === true) return auth;
    if (obtained === false) return this.#askStore(refusal, auth, others);
    return obtained.then((has) => {
      if (has) return auth;
      return refusal.isWanted() ? this.#askStore(refusal, auth, others) : null;
    });
  }

  #askStore(refusal: Refusal, auth: AuthScheme, others: readonly AuthScheme[]): Answer | Promise<Answer> {
    const { challenger, msg, prior, session } = refusal;
    const retrying = prior !== null;
    const taker = [auth, ...others].find(({ credentialKind }) => credentialKind === "password");
    const manager = session.getFeatureForMessage(PasswordManager, msg);
    if (manager === null || taker === undefined) return this.#askListeners(refusal, auth, others);
    const found = manager.store.find(passwordRequest(taker, retrying));
    const fill = (saved: readonly SavedPassword[]): Answer | Promise<Answer> => {
      auth.savedUsers = saved.map(({ user }) => user);
      const [likeliest] = saved;
      if (likeliest !== undefined && !retrying) taker.authenticate(likeliest.user, likeliest.password);
      return this.#askListeners(refusal, auth, others);
    };
    if (!(found instanceof Promise)) return fill(found);
    return found.then((saved) => refusal.isWanted() ? fill(saved) : null, (error) => {
      throw new Error(`Cannot get a password for ${challenger.origin} from the store`, { cause: error });
    });
  }

  #askListeners(refusal: Refusal, auth: AuthScheme, others: readonly AuthScheme[]): Answer | Promise<Answer> {
    const { msg, prior, session } = refusal;
    auth.prepareQuestion(others);
    session.dispatchEvent(new AuthenticateEvent(msg, auth, prior !== null));
    const answered = (): Answer => {
      if (auth.isCancelled) return null;
      return [auth, ...others].find(({ isAuthenticated }) => isAuthenticated) ?? null;
    };
    const item = itemOf(msg);
    // A message that is sent with its thread blocked cannot wait: the session refuses that it was paused.
    if (item === null || !item.isPaused || auth.isCancelled || isBlocking(msg)) return answered();
    return item.resumed().then(answered);
  }
}

/**
 * On a transport that shares its sockets, messages of others would be sent on the authenticated connection. One that
 * speaks HTTP/2 is shared too: the message can have another, unless nothing but HTTP/2 may be spoken.
 */
function hasConnectionOfItsOwn({ request: { connection, msg, session } }: Challenger): boolean {
  if (connection !== null && !carriesOneMessage(connection) && connection.target.http2 === "required") return false;
  return (itemOf(msg)?.transport ?? session).capabilities.exactConnections;
}

/** A message whose URI names a user is not sent as somebody else; a token names nobody. */
export function mayUse(auth: AuthScheme, { uriCredentials, uriUser }: Challenger): boolean {
  if (uriUser === null || auth.user === uriUser) return true;
  return auth.credentialKind === "token" && uriCredentials === null;
}

/** What a password store gets of a scheme. */
export function passwordRequest(auth: AuthScheme, retrying: boolean): PasswordRequest {
  const { isForProxy, origin, realm, scheme } = auth;
  return { origin, realm, scheme, isForProxy, retrying };
}

function isSame(given: Credentials | null, refused: Credentials | null): boolean {
  if (given === null || refused === null) return false;
  if (given.kind === "token") return refused.kind === "token" && given.token === refused.token;
  return refused.kind === "password" && given.user === refused.user && given.password === refused.password;
}

function isOf(auth: AuthScheme, offer: Offer): boolean {
  return auth.scheme.toLowerCase() === offer.type.schemeName.toLowerCase() &&
    (auth.rawRealm === offer.realm || !auth.isRealmKnown);
}

/** A stream that was read cannot be sent again; its message ends with the refusal, and no listener is asked in vain. */
function canSendAgain(msg: HttpMessage): boolean {
  return !(msg.requestBody instanceof ReadableStream) || msg.hasFlag(MessageFlags.CAN_REBUILD);
}
