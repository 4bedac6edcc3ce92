/** Whether what stands in a store that others can write to is a response that a cache has stored. */
import { isToken } from "../../protocol/syntax.ts";
import { type CacheRecord, neverStored, neverStoredStatuses } from "./record.ts";

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
