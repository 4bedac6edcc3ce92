/**
 * Which credentials are good where (RFC 9110 §11.5); and messages that need those of one protection space, which ask once and
 * wait for one answer.
 *
 * @module
 */
import type { AuthScheme, AuthSchemeType } from "./scheme.ts";
import { isBlocking } from "../../contract/blocking.ts";
import type { HttpMessage } from "../../message/message.ts";

/** A server that names more realms or paths than this loses its oldest ones: it must not fill the memory. */
const MAX_PER_ORIGIN = 256;
const MAX_ORIGINS = 4096;

interface OriginSpaces {
  /** Oldest first. */
  readonly auths: Set<AuthScheme>;
  /** By path without a slash at its end; "" is the whole origin. */
  readonly paths: Map<string, AuthScheme>;
}

/** The known protection spaces of all origins, or of all proxies. */
export class ProtectionSpaces {
  readonly #origins = new Map<string, OriginSpaces>();

  /** True while nothing is known. */
  get isEmpty(): boolean {
    return this.#origins.size === 0;
  }

  /** The deepest space a path lies in; null when it lies in none. */
  find(origin: string, path: string): AuthScheme | null {
    const spaces = this.#origins.get(origin);
    if (spaces === undefined) return null;
    let deepest = -1;
    let found: AuthScheme | null = null;
    for (const [prefix, auth] of spaces.paths) {
      if (prefix.length > deepest && isWithin(path, prefix)) {
        deepest = prefix.length;
        found = auth;
      }
    }
    return found;
  }

  /** The space of a realm, from whatever path it is known; or credentials of the scheme that wait for their realm. */
  lookup(origin: string, type: AuthSchemeType, realm: string, path: string): AuthScheme | null {
    const scheme = type.schemeName.toLowerCase();
    for (const auth of this.#origins.get(origin)?.auths ?? []) {
      if (auth.scheme.toLowerCase() !== scheme) continue;
      if (auth.isRealmKnown ? auth.rawRealm === realm : this.find(origin, path) === auth) return auth;
    }
    return null;
  }

  /** Notes that the credentials of a space are good at and below these paths. */
  record(origin: string, auth: AuthScheme, paths: readonly string[]): void {
    let spaces = this.#origins.get(origin);
    if (spaces === undefined) {
      spaces = { auths: new Set(), paths: new Map() };
      this.#origins.set(origin, spaces);
      trim(this.#origins, MAX_ORIGINS);
    }
    for (const other of spaces.auths) {
      if (other !== auth && other.scheme === auth.scheme && other.rawRealm === auth.rawRealm) {
        drop(spaces, other);
      }
    }
    spaces.auths.add(auth);
    for (const path of paths) {
      spaces.paths.delete(path);
      spaces.paths.set(path, auth);
    }
    for (const oldest of spaces.auths) {
      if (spaces.auths.size <= MAX_PER_ORIGIN) break;
      drop(spaces, oldest);
    }
    trim(spaces.paths, MAX_PER_ORIGIN);
  }

  /** Forgets one space. */
  remove(origin: string, auth: AuthScheme): void {
    const spaces = this.#origins.get(origin);
    if (spaces === undefined) return;
    drop(spaces, auth);
    if (spaces.auths.size === 0) this.#origins.delete(origin);
  }

  /** Forgets the spaces of one scheme. */
  removeType(type: abstract new (...args: never[]) => object): void {
    for (const [origin, { auths }] of this.#origins) {
      for (const auth of [...auths]) if (auth instanceof type) this.remove(origin, auth);
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#origins.clear();
  }
}

function drop(spaces: OriginSpaces, auth: AuthScheme): void {
  spaces.auths.delete(auth);
  for (const [path, other] of spaces.paths) if (other === auth) spaces.paths.delete(path);
}

function isWithin(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/");
}

/** Drops the oldest entries. */
function trim<K, V>(map: Map<K, V>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}

/** The scheme that was answered to, or null when the question was declined. */
export type Answer = AuthScheme | null;

interface Question {
  /** The message the question is about. */
  readonly msg: HttpMessage;
  /** The answer, or undefined when the message left the queue before there was one; fails as the asking does. */
  readonly answer: Promise<Answer | undefined>;
  readonly settle: (answer: Answer | undefined | Promise<never>) => void;
}

/** The questions that are open. */
export class Questions {
  readonly #open = new Map<string, Question>();

  /**
   * Puts a question, or waits for the answer to the same one. `put` asks; it is not called while another message's
   * question with this key is open. `isWanted` says whether the message still waits: if the one that asked is
   * cancelled, the next asks.
   */
  ask(
    key: string,
    msg: HttpMessage,
    isWanted: () => boolean,
    put: () => Answer | Promise<Answer>,
  ): Answer | Promise<Answer> {
    // While the thread is blocked no other message gets an answer.
    if (isBlocking(msg)) return put();
    const open = this.#open.get(key);
    if (open !== undefined) {
      return open.answer.then((answer) => {
        if (answer !== undefined) return answer;
        return isWanted() ? this.ask(key, msg, isWanted, put) : null;
      });
    }
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const question: Question = { msg, answer: promise, settle: resolve };
    promise.catch(() => {}); // The message that asks gets the error itself; nobody else may have waited.
    this.#open.set(key, question);
    const close = (answer: Answer | undefined | Promise<never>): void => {
      if (this.#open.get(key) === question) this.#open.delete(key);
      resolve(answer);
    };
    let answer: Answer | Promise<Answer>;
    try {
      answer = put();
    } catch (error) {
      close(Promise.reject(error));
      throw error;
    }
    if (!(answer instanceof Promise)) {
      close(answer);
      return answer;
    }
    return answer.then((given) => {
      close(isWanted() || given !== null ? given : undefined);
      return given;
    }, (error) => {
      close(Promise.reject(error));
      throw error;
    });
  }

  /** The message has left the queue: whoever waits for its answer asks for itself. */
  abandon(msg: HttpMessage): void {
    for (const [key, question] of this.#open) {
      if (question.msg !== msg) continue;
      this.#open.delete(key);
      question.settle(undefined);
    }
  }
}
