/**
 * What a cache knows of one stored response besides its body; and whether what stands in a store that others can write to is such
 * a record.
 *
 * @module
 */
import { fromPackage, requiredAt } from "../../../internal/builtin_modules.ts";
import {
  type CacheDirectives,
  type FieldRecord,
  formatCacheControl,
  parseCacheControl,
  secondsOf,
} from "./directives.ts";
import { isToken } from "../../protocol/syntax.ts";

/** One stored response without its body; plain data, as stores keep it. */
export interface CacheRecord {
  /** The request's URI without its fragment. */
  readonly key: string;
  /** Identifies what else must agree: the Authorization of the request, as a digest; empty for none. */
  readonly authorization: string;
  /** The request fields the response was chosen by, with the values they had. */
  readonly vary: ReadonlyArray<readonly [name: string, value: string | null]>;
  /** Status code. */
  readonly status: number;
  /** Reason phrase. */
  readonly statusText: string;
  /** Header fields, as pairs. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** The library's own record of how long the response may be used. */
  readonly policy: object;
}

interface Policy {
  storable(): boolean;
  maxAge(): number;
  age(): number;
  toObject(): object;
}

interface PolicyConstructor {
  new (
    request: { url: string; method: string; headers: FieldRecord },
    response: { status: number; headers: FieldRecord },
    options: { shared: boolean; cacheHeuristic: number },
  ): Policy;
  fromObject(object: object): Policy;
}

/** Where there is one already: on Bun, and in what a bundler has made, which finds the library by this call. */
declare const require: ((name: "http-cache-semantics") => PolicyConstructor) | undefined;

let library: PolicyConstructor | null = null;

/** Loads the library on first use, in place, as a synchronous request may need it. */
function cachePolicy(): PolicyConstructor {
  return library ??= fromPackage<PolicyConstructor>(
    "http-cache-semantics",
    () =>
      typeof require === "function"
        ? require("http-cache-semantics")
        : requiredAt(import.meta.resolve("http-cache-semantics"), "http-cache-semantics"),
  );
}

/** Never called: a runtime that resolves modules ahead of time fetches the package because of this expression. */
export function preloadCachePolicy(): Promise<unknown> {
  // @ts-ignore: It has no types of its own.
  return import("http-cache-semantics");
}

/** What freshness depends on besides a response and its request. */
export interface PolicyOptions {
  /** Whether several users share the cache. */
  readonly shared: boolean;
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** What is done with a stored response for a request (RFC 9111 §4). */
export type Freshness = "fresh" | "stale" | "refresh" | "validate";

/** Fields of one connection only (RFC 9111 §3.1), and those that would act a second time when the response is used again. */
const neverStored: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
  "set-cookie",
  "strict-transport-security",
]);

/** Fields of a 304 that describe its own transfer and not the stored body (RFC 9111 §3.2). */
const KEPT_ON_UPDATE: ReadonlySet<string> = new Set([
  "age",
  "content-encoding",
  "content-length",
  "content-md5",
  "content-range",
]);

/** Status codes the library knows; others may be stored when they say how long they are good for (RFC 9111 §3). */
const KNOWN_STATUSES: ReadonlySet<number> = new Set([
  200,
  203,
  204,
  300,
  301,
  302,
  303,
  307,
  308,
  404,
  405,
  410,
  414,
  501,
]);
/** Never stored: parts, confirmations, and challenges, whose nonces are for once. */
const neverStoredStatuses: ReadonlySet<number> = new Set([206, 304, 401, 407, 416]);

/** The library's policy for a request and its response. */
export function makePolicy(
  request: { url: string; method: string; headers: FieldRecord },
  response: { status: number; headers: FieldRecord },
  options: PolicyOptions,
): Policy {
  const headers = { ...response.headers };
  if (headers["cache-control"] !== undefined) {
    headers["cache-control"] = formatCacheControl(parseCacheControl(headers["cache-control"]));
  }
  const asked = { ...request.headers };
  if (asked["cache-control"] !== undefined) {
    asked["cache-control"] = formatCacheControl(parseCacheControl(asked["cache-control"]));
  }
  headers["age"] = String(initialAge(headers, options.now()));
  // This cache compares requests itself; the library would compare more than is kept.
  delete headers["vary"];
  const policy = new (cachePolicy())({ ...request, headers: asked }, {
    status: knownStatus(response.status, headers),
    headers,
  }, {
    shared: options.shared,
    cacheHeuristic: 0.1,
  });
  // The library looks at the clock of the machine when a policy is made.
  Object.assign(policy, { _responseTime: options.now() });
  return withClock(policy, options);
}

/** A stored policy with the cache's clock. */
export function policyOf(record: CacheRecord, options: PolicyOptions): Policy {
  return withClock(cachePolicy().fromObject(record.policy), options);
}

/** The status that the library gets: an unknown one with a lifetime of its own counts as 200. */
function knownStatus(status: number, headers: FieldRecord): number {
  if (KNOWN_STATUSES.has(status) || neverStoredStatuses.has(status)) return status;
  const said = parseCacheControl(headers["cache-control"]);
  if (said.has("must-understand")) return status;
  return said.has("max-age") || said.has("s-maxage") || headers["expires"] !== undefined ? 200 : status;
}

/** Age on arrival (RFC 9111 §4.2.3): what the field says, or how old the Date is; a malformed field counts as none. */
function initialAge(headers: FieldRecord, now: number): number {
  const said = headers["age"]?.split(",")[0]?.trim() ?? "";
  const date = Date.parse(headers["date"] ?? "");
  const apparent = Number.isNaN(date) ? 0 : Math.max(0, Math.floor((now - date) / 1000));
  return Math.max(/^[0-9]{1,10}$/.test(said) ? Number(said) : 0, apparent);
}

function withClock(policy: Policy, { now }: PolicyOptions): Policy {
  Object.defineProperty(policy, "now", { value: now });
  return policy;
}

/** The header fields to keep of a response. */
export function storedHeaders(headers: Headers): [string, string][] {
  const listed = new Set((headers.get("connection") ?? "").toLowerCase().split(",").map((name) => name.trim()));
  return [...headers].filter(([name]) => !neverStored.has(name) && !listed.has(name));
}

/** The stored fields with those of a 304 in place of their namesakes (RFC 9111 §3.2). */
export function updatedHeaders(record: CacheRecord, update: Headers): [string, string][] {
  const fresh = storedHeaders(update).filter(([name]) => !KEPT_ON_UPDATE.has(name));
  const names = new Set(fresh.map(([name]) => name));
  return [
    ...record.headers.filter(([name]) => !names.has(name) && name !== "age").map((
      [name, value],
    ): [string, string] => [name, value]),
    ...fresh,
  ];
}

/** Whether the server is asked however fresh a stored response is; an age of 0 is none that `max-age=0` is content with. */
export function wantsValidation(request: CacheDirectives): boolean {
  return request.has("no-cache") || secondsOf(request, "max-age") === 0;
}

/** What a stored response is good for, given the request's own directives. */
export function freshnessOf(record: CacheRecord, request: CacheDirectives, options: PolicyOptions): Freshness {
  const policy = policyOf(record, options);
  const [age, lifetime] = [policy.age(), policy.maxAge()];
  if (wantsValidation(request)) return "validate";
  const maxAge = secondsOf(request, "max-age");
  if (maxAge !== null && age > maxAge) return "validate";
  const minFresh = secondsOf(request, "min-fresh");
  if (minFresh !== null && lifetime - age < minFresh) return "validate";
  if (lifetime > age) return "fresh";
  const said = parseCacheControl(fieldOf(record, "cache-control"));
  if (!mayBeStale(said, options.shared)) return "validate";
  const staleness = age - lifetime;
  const maxStale = request.get("max-stale");
  if (maxStale === true || (maxStale !== undefined && staleness <= secondsOf(request, "max-stale")!)) return "stale";
  return staleness < (secondsOf(said, "stale-while-revalidate") ?? 0) ? "refresh" : "validate";
}

/** Whether a stale response may stand in for a server that fails (RFC 5861 §4). */
export function isUsableOnError(record: CacheRecord, request: CacheDirectives, options: PolicyOptions): boolean {
  const said = parseCacheControl(fieldOf(record, "cache-control"));
  if (!mayBeStale(said, options.shared) || request.has("no-cache")) return false;
  const grace = Math.max(secondsOf(said, "stale-if-error") ?? -1, secondsOf(request, "stale-if-error") ?? -1);
  const policy = policyOf(record, options);
  return policy.age() - policy.maxAge() <= grace;
}

/** The age of a stored response in whole seconds. */
export function ageOf(record: CacheRecord, options: PolicyOptions): number {
  return Math.max(0, Math.floor(policyOf(record, options).age()));
}

/** One stored header field. */
export function fieldOf(record: CacheRecord, name: string): string | null {
  const values = record.headers.filter(([field]) => field === name).map(([, value]) => value);
  return values.length === 0 ? null : values.join(", ");
}

function mayBeStale(said: CacheDirectives, shared: boolean): boolean {
  if (said.has("must-revalidate") || said.has("no-cache")) return false;
  return !shared || !(said.has("proxy-revalidate") || said.has("s-maxage"));
}

/** Reason phrases and values of fields, a character for each byte (RFC 9110 §5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Statuses whose responses have no body. */
const BODILESS: readonly unknown[] = [204, 205];

/** Whether a value is what is known of a response with a body of so many bytes, so that one can be made of it. */
export function isRecord(value: unknown, bodyLength: number): value is CacheRecord {
  if (!isObject(value)) return false;
  const { authorization, headers, key, policy, status, statusText, vary } = value;
  return typeof key === "string" && typeof authorization === "string" &&
    Number.isInteger(status) && Number(status) >= 200 && Number(status) < 600 &&
    !neverStoredStatuses.has(Number(status)) && !(bodyLength > 0 && BODILESS.includes(status)) &&
    isFieldValue(statusText) &&
    isListOf(vary, ([name, text]) => isName(name) && (text === null || typeof text === "string")) &&
    isListOf(headers, ([name, text]) => isName(name) && !neverStored.has(String(name)) && isFieldValue(text)) &&
    isPolicy(policy);
}

/** Whether a value is what the library has made of its policy. */
function isPolicy(policy: unknown): boolean {
  if (!isObject(policy)) return false;
  const { ch, imm, reqcc, reqh, rescc, resh, st, t, v } = policy;
  return v === 1 && [ch, st, t].every(Number.isFinite) && (imm === undefined || Number.isFinite(imm)) &&
    [reqcc, rescc, resh].every(isObjectOfTexts) && (reqh === null || reqh === undefined || isObjectOfTexts(reqh));
}

function isName(value: unknown): boolean {
  return typeof value === "string" && isToken(value);
}

function isFieldValue(value: unknown): boolean {
  return typeof value === "string" && FIELD_VALUE.test(value);
}

function isListOf(value: unknown, isPair: (pair: readonly unknown[]) => boolean): boolean {
  return Array.isArray(value) && value.every((each: unknown) => Array.isArray(each) && isPair(each));
}

function isObjectOfTexts(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((each) => typeof each === "string" || typeof each === "boolean");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
