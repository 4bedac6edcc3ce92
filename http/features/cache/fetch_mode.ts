/**
 * Fetch's cache modes: what each sends to servers (Fetch standard §4.6, "HTTP-network-or-cache fetch"), and what it says
 * to an `HttpCache`, whatever the caller's own fields say.
 */
import { type HttpMessage, messageState } from "../../message/message.ts";
import type { CacheDirectives } from "./directives.ts";

/** One mode. */
interface CacheMode {
  /** Cache-Control for servers, where the caller has written none. */
  readonly sent?: string;
  /** The same for those of HTTP/1.0. */
  readonly pragma?: string;
  /** What of the caller's Cache-Control counts for a cache in this mode, and what is added to it. */
  readonly directives: (said: CacheDirectives) => CacheDirectives;
}

const modes: Readonly<Record<string, CacheMode>> = {
  "default": { directives: (said) => said },
  "no-store": { sent: "no-cache", pragma: "no-cache", directives: (said) => new Map([...said, ["no-store", true]]) },
  "reload": { sent: "no-cache", pragma: "no-cache", directives: (said) => new Map([...said, ["no-cache", true]]) },
  "no-cache": { sent: "max-age=0", directives: (said) => new Map([...said, ["no-cache", true]]) },
  "force-cache": { directives: () => new Map([["max-stale", true]]) },
  "only-if-cached": { directives: () => new Map([["only-if-cached", true], ["max-stale", true]]) },
};

/** With one of these of the caller's own, what comes back may be an answer to the caller's condition alone. */
const conditions: readonly string[] = [
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
];

/**
 * Puts a cache mode on a message; a Cache-Control of the caller's own stays. A condition of the caller's own makes
 * "no-store" of "default".
 *
 * @throws {TypeError} If the mode is unknown.
 */
export function setCacheMode(msg: HttpMessage, asked: string): void {
  const mode = asked === "default" && msg.hasRequestHeaders && hasCondition(msg.requestHeaders) ? "no-store" : asked;
  if (mode === "default") return;
  if (!Object.hasOwn(modes, mode)) throw new TypeError(`Cannot fetch: ${JSON.stringify(mode)} is no cache mode`);
  messageState(msg).cacheMode = mode;
  const { sent, pragma } = modes[mode]!;
  const headers = msg.requestHeaders;
  if (sent !== undefined && !headers.has("cache-control")) headers.set("cache-control", sent);
  if (pragma !== undefined && !headers.has("pragma")) headers.set("pragma", pragma);
}

/** Whether a request has a condition of the caller's own. */
export function hasCondition(headers: Headers): boolean {
  return conditions.some((name) => headers.has(name));
}

/** What a message asks of a cache: what its fields say, as its mode has it. */
export function asModeHasIt(msg: HttpMessage, said: CacheDirectives): CacheDirectives {
  return modes[messageState(msg).cacheMode]!.directives(said);
}

/** Whether a message leaves caches alone: nothing is looked up for it, and its response is not stored. */
export function leavesCachesAlone(msg: HttpMessage): boolean {
  return messageState(msg).cacheMode === "no-store";
}

/** Whether a stored response is replaced by whatever the server has: it is not asked whether the stored one is good. */
export function isReload(msg: HttpMessage): boolean {
  return messageState(msg).cacheMode === "reload";
}

/** Whether a message takes what is stored, however old it is and whatever else was said of its use. */
export function takesWhatIsStored(msg: HttpMessage): boolean {
  const { cacheMode } = messageState(msg);
  return cacheMode === "force-cache" || cacheMode === "only-if-cached";
}
