/**
 * JSON Web Signatures in the compact form (RFC 7515 §7.1), with payloads that are not encoded, too (RFC 7797).
 *
 * @module
 */
import { brandError } from "../../../../internal/error_brand.ts";
import { concatBytes, toBase64Url } from "../../../../internal/bytes.ts";
import {
  checkTexts,
  isPlainObject,
  type OptionNames,
  refuseUnknown,
  unexpected,
} from "../../../../internal/expected.ts";
import { plainPortrait, shownAs } from "../../../../internal/inspection.ts";
import { Buffer } from "node:buffer";
import type { BytesInput } from "../../../../internal/platform_types.ts";
import {
  algorithmNamed,
  checkSigner,
  isKeyFor,
  readVerificationKey,
  type Signer,
  type SignOptions,
  utf8,
  type VerificationKey,
  verifySignature,
} from "../signer.ts";

/**
 * The kind of reason: "malformed", it does not parse; "algorithm", it is not one of the key; "key", no known key; "critical",
 * its header wants what nobody here understands; "signature", it is wrong; "expired", it is too old or not valid yet; "claim",
 * a claim is missing or another one than expected.
 */
export type JwsErrorReason = "malformed" | "algorithm" | "key" | "critical" | "signature" | "expired" | "claim";

/** A JSON Web Signature or Token that is not accepted. */
export class JwsError extends Error {
  /** The kind of reason. */
  readonly reason: JwsErrorReason;

  /**
   * Makes the error.
   *
   * @param reason The kind of reason.
   * @param message The whole text.
   */
  constructor(reason: JwsErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

brandError(JwsError, "JwsError");

type Bytes = Uint8Array<ArrayBuffer>;

const verifiedShown = plainPortrait<VerifiedJws>("VerifiedJws");

/** The protected header of a JSON Web Signature. */
export interface JwsHeader {
  /** The algorithm. */
  readonly alg?: string | undefined;
  /** Key identifier. */
  readonly kid?: string | undefined;
  /** Media type of the whole signature. */
  readonly typ?: string | undefined;
  /** Media type of the payload. */
  readonly cty?: string | undefined;
  /** False leaves the payload as it is (RFC 7797). */
  readonly b64?: boolean | undefined;
  /** Names of members of the header that have to be understood. */
  readonly crit?: readonly string[] | undefined;
  /** Others. */
  readonly [name: string]: unknown;
}

/** What is signed: text as UTF-8, bytes, or anything JSON can write. */
export type JwsPayload = string | BytesInput | object;

/** How a JSON Web Signature is made. */
export interface SignJwsOptions extends SignOptions {
  /**
   * Whether the payload is left out, as the other side has it (RFC 7515, appendix F).
   *
   * @default {false}
   */
  readonly detached?: boolean | undefined;
}

const signJwsNames: OptionNames<SignJwsOptions> = { detached: true, signal: true };

/** What is signed, and what is made of the signature. */
export interface JwsInput {
  /** What the signer gets. */
  readonly message: Bytes;
  /** The compact form. */
  compact(signature: Uint8Array): string;
}

/**
 * Signs a payload: gives the compact form. The header names algorithm and key of the signer; `kid: undefined` leaves the key
 * out.
 *
 * @throws {TypeError} For a header that contradicts the signer; for an object that JSON cannot hold, such as a Blob or a
 * stream: read it first; and for a payload that is not encoded, stands in the compact form and holds a full stop or what is
 * not ASCII (RFC 7797 §5.2): make it `detached`.
 *
 * @example Sign, and verify with the public key
 * ```ts
 * import { type PublicJwk, type Signer, signJws, verifyJws } from "@gp11/gp11/http";
 *
 * async function roundTrip(signer: Signer & { publicJwk(): PublicJwk }): Promise<string> {
 *   const jws = await signJws(signer, { hello: "world" }, { typ: "example" });
 *   const { payload } = await verifyJws(jws, signer.publicJwk());
 *   return new TextDecoder().decode(payload);
 * }
 * ```
 */
export async function signJws(
  signer: Signer,
  payload: JwsPayload,
  header: JwsHeader = {},
  options: SignJwsOptions = {},
): Promise<string> {
  refuseUnknown("sign", options, signJwsNames);
  const { message, compact } = jwsInput(checkSigner(signer, "a signature"), payload, header, options.detached);
  return compact(await signer.sign(message, { signal: options.signal }));
}

/** Lays out what is signed. */
export function jwsInput(signer: Signer, payload: JwsPayload, header: JwsHeader, detached = false): JwsInput {
  const { algorithm } = signer;
  if (header.alg !== undefined && header.alg !== algorithm) {
    throw new TypeError(`Cannot sign with ${JSON.stringify(header.alg)}: the signer's algorithm is ${algorithm}`);
  }
  const isPlain = header.b64 === false;
  const crit = isPlain && !header.crit?.includes("b64") ? { crit: [...header.crit ?? [], "b64"] } : {};
  const head = toBase64Url(
    utf8(JSON.stringify({ alg: algorithm, kid: signer.keyId || undefined, ...header, ...crit })),
  );
  const bytes = givenBytes(payload) ?? utf8(jsonText(payload as object));
  const text = isPlain ? plainText(bytes, detached) : toBase64Url(bytes);
  const message = isPlain ? concatBytes(utf8(`${head}.`), bytes) : utf8(`${head}.${text}`);
  return { message, compact: (signature) => `${head}.${detached ? "" : text}.${toBase64Url(signature)}` };
}

/** A payload as it stands between the full stops, where it is not encoded. */
function plainText(bytes: Bytes, detached: boolean): string {
  if (detached) return "";
  const text = new TextDecoder("latin1").decode(bytes);
  if (/^[\x20-\x2d\x2f-\x7e]*$/.test(text)) return text;
  throw new TypeError(
    "Cannot put the payload into the compact form: it holds a full stop or no ASCII; make it detached",
  );
}

/** Text and bytes as they are signed; `null` for what is neither. */
function givenBytes(payload: unknown): Bytes | null {
  if (typeof payload === "string") return utf8(payload);
  if (ArrayBuffer.isView(payload)) {
    return new Uint8Array(new Uint8Array(payload.buffer as ArrayBuffer, payload.byteOffset, payload.byteLength));
  }
  const isMemory = payload instanceof ArrayBuffer ||
    typeof SharedArrayBuffer === "function" && payload instanceof SharedArrayBuffer;
  return isMemory ? new Uint8Array(new Uint8Array(payload as ArrayBuffer)) : null;
}

/** An object as JSON. What has no content there, such as a Blob or a stream, would be signed as "{}", whatever it holds. */
function jsonText(payload: object): string {
  const text = isJson(payload) ? JSON.stringify(payload) as string | undefined : undefined;
  if (text !== undefined) return text;
  throw unexpected("sign the payload", "text, bytes or an object that JSON can hold", payload);
}

function isJson(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (isPlainObject(value) || Array.isArray(value) || typeof (value as { toJSON?: unknown }).toJSON === "function") {
    return true;
  }
  return Object.keys(value).length > 0 && !(Symbol.iterator in value) && !(Symbol.asyncIterator in value);
}

/** The payload that belongs to a detached signature. */
function detachedBytes(payload: unknown): Bytes {
  const bytes = givenBytes(payload);
  if (bytes === null) throw unexpected("verify the signature", "the payload to be text or bytes", payload);
  return bytes;
}

/** Finds the key of a signature by its header; null for a key nobody knows. */
export type JwsKeyFinder = (header: JwsHeader) => VerificationKey | null | Promise<VerificationKey | null>;

/** How a JSON Web Signature is checked. */
export interface VerifyJwsOptions {
  /** The algorithms that are accepted, by their JOSE names; those of the key where it is left out. */
  readonly algorithms?: readonly string[] | undefined;
  /** Critical header members that the caller understands, beside "b64". */
  readonly understood?: readonly string[] | undefined;
  /** The payload of a detached signature. */
  readonly payload?: string | BytesInput | undefined;
}

/** What is to be checked must not be left unchecked for its name. */
const verifyJwsNames: OptionNames<VerifyJwsOptions> = { algorithms: true, understood: true, payload: true };

/** A JSON Web Signature that is right. */
export interface VerifiedJws {
  /** Its header. */
  readonly header: JwsHeader;
  /** What was signed. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/**
 * Checks a JSON Web Signature in the compact form. The algorithm has to be one of the key: "none" is none, and a public key
 * is no secret.
 *
 * @throws {JwsError} When it is not accepted; `reason` says why.
 * @throws {TypeError} When the key cannot be read, and when the payload is neither text nor bytes.
 *
 * @example With the keys of a set
 * ```ts
 * import { type PublicJwk, verifyJws } from "@gp11/gp11/http";
 *
 * async function payloadOf(jws: string, keys: readonly PublicJwk[]): Promise<Uint8Array> {
 *   const { payload } = await verifyJws(jws, ({ kid }) => keys.find((key) => key.kid === kid) ?? null);
 *   return payload;
 * }
 * ```
 */
export async function verifyJws(
  jws: string,
  key: VerificationKey | JwsKeyFinder,
  options: VerifyJwsOptions = {},
): Promise<VerifiedJws> {
  refuseUnknown("verify the signature", options, verifyJwsNames);
  const [head, middle, tail, ...rest] = typeof jws === "string" ? jws.split(".", 4) : [];
  if (head === undefined || middle === undefined || tail === undefined || rest.length > 0) {
    throw refused("malformed", "it has not three parts");
  }
  const { algorithms, understood = [] } = options;
  if (algorithms !== undefined) checkTexts("verify the signature", "algorithms", algorithms);
  checkTexts("verify the signature", "understood", understood);
  const header = headerOf(head);
  checkCritical(header, understood);
  const isPlain = header.b64 === false;
  const given = options.payload;
  if (given !== undefined && middle !== "") throw refused("malformed", "it has a payload, and another one is given");
  const payload = given !== undefined ? detachedBytes(given) : isPlain ? utf8(middle) : decoded(middle);
  const found = typeof key === "function" ? await key(header) : key;
  if (found === null || found === undefined) throw refused("key", "its key is not known");
  const verifying = readVerificationKey(found);
  const algorithm = typeof header.alg === "string" ? algorithmNamed(header.alg) : null;
  const isAccepted = algorithm !== null && (algorithms?.includes(algorithm.name) ?? true);
  if (!isAccepted || !isKeyFor(algorithm, verifying)) {
    throw refused("algorithm", `its algorithm ${JSON.stringify(header.alg)} is not one of the key, or not accepted`);
  }
  // What was signed is the text as it came, in whatever way it was encoded.
  const text = given === undefined ? middle : toBase64Url(payload);
  const message = isPlain ? concatBytes(utf8(`${head}.`), payload) : utf8(`${head}.${text}`);
  const isRight = await verifySignature(algorithm, verifying, message, decoded(tail));
  if (!isRight) throw refused("signature", "the signature is wrong");
  return shownAs(verifiedShown, { header, payload });
}

function refused(reason: JwsError["reason"], why: string): JwsError {
  return new JwsError(reason, `Cannot accept the JSON Web Signature: ${why}`);
}

function decoded(text: string): Bytes {
  if (/^[A-Za-z0-9_-]*$/.test(text)) {
    const bytes = new Uint8Array(Buffer.from(text, "base64url"));
    // Bits that stand for nothing would make several texts of one signature (RFC 4648 §3.5).
    if (toBase64Url(bytes) === text) return bytes;
  }
  throw refused("malformed", "a part of it is no base64url");
}

function headerOf(text: string): JwsHeader {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(decoded(text)));
  } catch {
    throw refused("malformed", "its header is no JSON");
  }
  if (typeof header === "object" && header !== null && !Array.isArray(header)) return header as JwsHeader;
  throw refused("malformed", "its header is no object");
}

/** Who does not understand a critical member must not accept the signature (RFC 7515 §4.1.11). */
function checkCritical(header: JwsHeader, understood: readonly string[]): void {
  const { b64, crit } = header as Record<string, unknown>;
  if (crit === undefined) {
    if (b64 === undefined || b64 === true) return;
    throw refused("critical", "b64 is not named in crit");
  }
  const isList = Array.isArray(crit) && crit.length > 0 && new Set(crit).size === crit.length &&
    crit.every((name) => typeof name === "string" && Object.hasOwn(header, name));
  if (!isList || (b64 !== undefined && typeof b64 !== "boolean")) {
    throw refused("malformed", "crit or b64 has no such value");
  }
  const unknown = crit.find((name) => name !== "b64" && !understood.includes(name));
  if (unknown !== undefined) throw refused("critical", `nobody here understands ${JSON.stringify(unknown)}`);
  if (b64 === false && !crit.includes("b64")) throw refused("critical", "b64 is not named in crit");
}
