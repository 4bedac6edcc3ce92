/**
 * What requests and responses say to a cache: Cache-Control, the header fields that it compares, and Fetch's cache modes. Of
 * each mode: what it sends to servers (Fetch standard §4.6, "HTTP-network-or-cache fetch"), and what it says to an `HttpCache`,
 * whatever the caller's own fields say.
 *
 * @module
 */
import { type HttpMessage, messageState } from "../../message/message.ts";

/** The directives of a Cache-Control field: names in lower case, `true` for those without a value. */
export type CacheDirectives = ReadonlyMap<string, string | true>;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Reads a Cache-Control field (RFC 9111 §5.2); of repeated directives the first counts, malformed ones are dropped. */
export function parseCacheControl(field: string | null | undefined): CacheDirectives {
  const directives = new Map<string, string | true>();
  for (const part of field ? splitAtCommas(field) : []) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? true : unquoted(part.slice(equals + 1).trim());
    if (TOKEN.test(name) && value !== null && !directives.has(name)) directives.set(name, value);
  }
  return directives;
}

/** The parts of a list; quoted strings may hold commas. Steps through each character once, whatever a server sends. */
function splitAtCommas(field: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let index = 0; index < field.length; index++) {
    const char = field[index];
    if (char === '"') quoted = !quoted;
    else if (quoted && char === "\\") index++;
    else if (!quoted && char === ",") {
      parts.push(field.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(field.slice(start));
  return parts;
}

/** A value without its quotes; `null` when it is neither a quoted string nor free of what separates directives. */
function unquoted(value: string): string | null {
  if (!value.startsWith('"')) return /[\s,;"]/.test(value) ? null : value;
  return value.length > 1 && value.endsWith('"') ? value.slice(1, -1).replace(/\\(.)/gs, "$1") : null;
}

/** Writes directives as the library reads them: in lower case, each once, without quotes or commas in values. */
export function formatCacheControl(directives: CacheDirectives): string {
  const parts: string[] = [];
  for (const [name, value] of directives) parts.push(value === true ? name : `${name}=${value.replaceAll(",", " ")}`);
  return parts.join(", ");
}

/** The seconds of a directive; `null` when it is missing, 0 when it is malformed. */
export function secondsOf(directives: CacheDirectives, name: string): number | null {
  const value = directives.get(name);
  if (value === undefined) return null;
  return typeof value === "string" && /^[0-9]+$/.test(value) ? Number(value) : 0;
}

/** Header fields as the library takes them: lower-case names, one value each. */
export type FieldRecord = Record<string, string>;

/** The fields of a `Headers` object; a repeated field is joined as its class joins it. */
export function toRecord(headers: Headers): FieldRecord {
  const record: FieldRecord = Object.create(null) as FieldRecord;
  for (const [name, value] of headers) record[name] = name in record ? `${record[name]}, ${value}` : value;
  return record;
}

/** The names in a Vary field; `null` for "*", which no later request can match (RFC 9111 §4.1). */
export function varyNames(field: string | null | undefined): string[] | null {
  const names = (field ?? "").toLowerCase().split(",").map((name) => name.trim()).filter((name) => name !== "");
  return names.includes("*") ? null : [...new Set(names)].sort();
}

/** A field value for comparison: white space around commas makes no difference. */
export function normalizedValue(value: string | undefined): string | null {
  return value === undefined ? null : value.split(",").map((part) => part.trim().replace(/\s+/g, " ")).join(",");
}

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
