/**
 * JSON Web Tokens (RFC 7519), signed; and clients that authenticate themselves at an authorization server with one (RFC 7523,
 * "private_key_jwt").
 *
 * @module
 */
import {
  checkTextOptions,
  checkTexts,
  finiteTime,
  moreThanZero,
  type OptionNames,
  refuseUnknown,
  unexpected,
  zeroOrMore,
} from "../../../../internal/expected.ts";
import { checkSigner, type Signer, type SignOptions, type VerificationKey } from "../signer.ts";
import { secondsNow } from "../sign_message.ts";
import {
  JwsError,
  type JwsHeader,
  type JwsKeyFinder,
  signJws,
  verifyJws,
  type VerifyJwsOptions,
} from "./json_web_signature.ts";
import { runtimeCrypto } from "../../../../internal/runtime.ts";

/** The claims of a JSON Web Token (RFC 7519 §4.1). Times are seconds since 1970. */
export interface JwtClaims {
  /** Issuer. */
  readonly iss?: string | undefined;
  /** Subject. */
  readonly sub?: string | undefined;
  /** Audience. */
  readonly aud?: string | readonly string[] | undefined;
  /** Expiration time. */
  readonly exp?: number | undefined;
  /** The time before which it is not valid. */
  readonly nbf?: number | undefined;
  /** Time of issue. */
  readonly iat?: number | undefined;
  /** Identifier of the token. */
  readonly jti?: string | undefined;
  /** Others. */
  readonly [name: string]: unknown;
}

/** What the value of a claim has to be. */
interface ClaimKind {
  /** Whether a value is one. */
  is(value: unknown): boolean;
  /** What it is called where another made the token. */
  readonly noun: string;
  /** What is expected of the caller. */
  readonly expected: string;
}

const isText = (value: unknown): boolean => typeof value === "string";
const isTexts = (value: unknown): boolean => isText(value) || Array.isArray(value) && value.every(isText);
const TIME: ClaimKind = { is: Number.isFinite, noun: "time", expected: "a number of seconds since 1970" };
const TEXT: ClaimKind = { is: isText, noun: "text", expected: "a string" };
const TEXTS: ClaimKind = { is: isTexts, noun: "text", expected: "a string or an array of strings" };

/** The registered claims (RFC 7519 §4.1): what verifies refuses other values, so what signs does too. */
const registered: Readonly<Record<string, ClaimKind>> = {
  exp: TIME,
  nbf: TIME,
  iat: TIME,
  aud: TEXTS,
  iss: TEXT,
  sub: TEXT,
  jti: TEXT,
};

/** The first registered claim that is there and has no value of its kind. */
function wrongClaim(claims: JwtClaims): { readonly name: string; readonly kind: ClaimKind } | null {
  for (const [name, kind] of Object.entries(registered)) {
    if (claims[name] !== undefined && !kind.is(claims[name])) return { name, kind };
  }
  return null;
}

/** How a JSON Web Token is made. */
export interface SignJwtOptions extends SignOptions {
  /** Members of its header, beside `alg`, `kid` and `typ`. */
  readonly header?: JwsHeader | undefined;
  /** Seconds until it expires, where the claims do not say. */
  readonly expiresIn?: number | undefined;
}

/** A token must not last for ever because a name is misspelt. */
const signJwtNames: OptionNames<SignJwtOptions> = { header: true, expiresIn: true, signal: true };

/**
 * Signs claims as a JSON Web Token; `iat` is now, where they do not say.
 *
 * @throws {TypeError} For claims that are no object, registered ones of another type than {@linkcode verifyJwt} takes, such
 * as a Date, an `expiresIn` that is no number, options that there are none of, and a header that contradicts the signer.
 * @throws {RangeError} For an `expiresIn` that is not above 0, and for times that JSON has no number for.
 *
 * @example An access token of ten minutes
 * ```ts
 * import { type Signer, signJwt } from "@gp11/gp11/http";
 *
 * function accessToken(signer: Signer, user: string): Promise<string> {
 *   return signJwt(signer, { iss: "https://issuer.example", sub: user }, { expiresIn: 600 });
 * }
 * ```
 */
export async function signJwt(signer: Signer, claims: JwtClaims, options: SignJwtOptions = {}): Promise<string> {
  // JSON has nothing of a Map's entries, nor of another collection's.
  if (typeof claims !== "object" || claims === null || ArrayBuffer.isView(claims) || Symbol.iterator in claims) {
    throw new TypeError("Cannot sign the token: its claims are no object");
  }
  refuseUnknown("sign the token", options, signJwtNames);
  const { expiresIn, header, signal } = options;
  checkRegistered(claims);
  const iat = claims.iat ?? secondsNow();
  const expiry = expiresIn === undefined ? {} : {
    exp: finiteTime("iat", iat, "seconds") +
      finiteTime("expiresIn", moreThanZero("expiresIn", expiresIn, "seconds"), "seconds"),
  };
  // What is undefined was not given, and takes nothing away.
  const given = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return await signJws(signer, { iat, ...expiry, ...given }, { typ: "JWT", ...header }, { signal });
}

/** Refuses what nobody would accept: JSON writes a Date as text, a Set as an object and NaN as null. */
function checkRegistered(claims: JwtClaims): void {
  const wrong = wrongClaim(claims);
  if (wrong === null) return;
  const { name, kind } = wrong;
  const value = claims[name];
  if (typeof value === "number" && kind === TIME) {
    throw new RangeError(`Cannot set ${name} to ${value}: it must be a number of seconds that ends`);
  }
  throw unexpected("sign the token", `${name} to be ${kind.expected}`, value);
}

/** How a JSON Web Token is checked. */
export interface VerifyJwtOptions extends Omit<VerifyJwsOptions, "payload"> {
  /** The issuer that is expected. */
  readonly issuer?: string | undefined;
  /** The audience that is expected, or several of which it must name one. */
  readonly audience?: string | readonly string[] | undefined;
  /** The subject that is expected. */
  readonly subject?: string | undefined;
  /** The type its header must name; "application/" before it is ignored. */
  readonly type?: string | undefined;
  /** Claims that must be there. */
  readonly required?: readonly string[] | undefined;
  /** The oldest it may be, in seconds. */
  readonly maxAge?: number | undefined;
  /**
   * Seconds by which clocks may differ.
   *
   * @default {30}
   */
  readonly tolerance?: number | undefined;
  /** The time to check against, in seconds since 1970; now where it is left out. */
  readonly now?: number | undefined;
}

/** A JSON Web Token that is right. */
export interface VerifiedJwt {
  /** Its header. */
  readonly header: JwsHeader;
  /** What it says. */
  readonly claims: JwtClaims;
}

/** What is to be checked must not be left unchecked for its name. */
const verifyJwtNames: OptionNames<VerifyJwtOptions> = {
  algorithms: true,
  understood: true,
  issuer: true,
  audience: true,
  subject: true,
  type: true,
  required: true,
  maxAge: true,
  tolerance: true,
  now: true,
};

/** Seconds by which clocks may differ. */
const TOLERANCE = 30;

/**
 * Checks a JSON Web Token: its signature, its times, and what is expected of its claims.
 *
 * @throws {JwsError} When it is not accepted; `reason` says why.
 * @throws {TypeError} When the key cannot be read.
 *
 * @example Whose token it is
 * ```ts
 * import { type PublicJwk, verifyJwt } from "@gp11/gp11/http";
 *
 * async function userOf(token: string, key: PublicJwk): Promise<string> {
 *   const { claims } = await verifyJwt(token, key, { issuer: "https://issuer.example", required: ["sub", "exp"] });
 *   return claims.sub!;
 * }
 * ```
 */
export async function verifyJwt(
  jwt: string,
  key: VerificationKey | JwsKeyFinder,
  options: VerifyJwtOptions = {},
): Promise<VerifiedJwt> {
  refuseUnknown("verify the token", options, verifyJwtNames);
  const times = timesOf(options);
  checkExpected(options);
  const { algorithms, understood } = options;
  const { header, payload } = await verifyJws(jwt, key, { algorithms, understood });
  // RFC 7797 §7: nobody may have to guess whether claims are encoded.
  if (header.b64 === false) throw refused("malformed", "its claims are not encoded");
  const claims = claimsOf(payload);
  const wrong = wrongClaim(claims);
  if (wrong !== null) throw refused("malformed", `${wrong.name} is no ${wrong.kind.noun}`);
  if (options.type !== undefined && !isOfType(header.typ, options.type)) {
    throw refused("claim", `its type is ${JSON.stringify(header.typ)}`);
  }
  checkTimes(claims, times);
  checkClaims(claims, options);
  return { header, claims };
}

function refused(reason: JwsError["reason"], why: string): JwsError {
  return new JwsError(reason, `Cannot accept the JSON Web Token: ${why}`);
}

/** Checks what is expected: of another type it would be met by nothing, or by more than was meant. */
function checkExpected(options: VerifyJwtOptions): void {
  const action = "verify the token";
  const { audience, required = [] } = options;
  checkTexts(action, "required", required);
  if (audience !== undefined && typeof audience !== "string") checkTexts(action, "audience", audience);
  checkTextOptions(action, options, ["issuer", "subject", "type"]);
}

function isOfType(type: unknown, wanted: string): boolean {
  return typeof type === "string" && plainType(type) === plainType(wanted);
}

function plainType(type: string): string {
  return type.toLowerCase().replace(/^application\//, "");
}

function claimsOf(payload: Uint8Array): JwtClaims {
  let claims: unknown;
  try {
    claims = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    throw refused("malformed", "its claims are no JSON");
  }
  if (typeof claims === "object" && claims !== null && !Array.isArray(claims)) return claims as JwtClaims;
  throw refused("malformed", "its claims are no object");
}

/** The limits for the times of a token. */
interface TimeLimits {
  readonly maxAge: number | undefined;
  readonly now: number;
  readonly tolerance: number;
}

/** Checks the times: NaN and text would make every token a new one. */
function timesOf({ maxAge, now = secondsNow(), tolerance = TOLERANCE }: VerifyJwtOptions): TimeLimits {
  return {
    maxAge: maxAge === undefined ? undefined : zeroOrMore("maxAge", maxAge, "seconds"),
    now: finiteTime("now", now, "seconds"),
    tolerance: finiteTime("tolerance", tolerance, "seconds"),
  };
}

function checkTimes(claims: JwtClaims, { maxAge, now, tolerance }: TimeLimits): void {
  const { exp, iat, nbf } = claims;
  if (exp !== undefined && exp + tolerance <= now) throw refused("expired", "it has expired");
  if (nbf !== undefined && nbf > now + tolerance) throw refused("expired", "it is not valid yet");
  if (maxAge === undefined) return;
  if (iat === undefined) throw refused("claim", "it does not say when it was made");
  if (iat > now + tolerance) throw refused("expired", "it was made in the future");
  if (iat + maxAge + tolerance < now) throw refused("expired", `it is older than ${maxAge} s`);
}

function checkClaims(claims: JwtClaims, { audience, issuer, required = [], subject }: VerifyJwtOptions): void {
  const { aud } = claims;
  const missing = required.find((name) => !Object.hasOwn(claims, name) || claims[name] === null);
  if (missing !== undefined) throw refused("claim", `it has no ${missing}`);
  if (issuer !== undefined && claims.iss !== issuer) throw refused("claim", "it is of another issuer");
  if (subject !== undefined && claims.sub !== subject) throw refused("claim", "it is of another subject");
  if (audience === undefined) return;
  const wanted = typeof audience === "string" ? [audience] : audience;
  const named = aud === undefined ? [] : [aud].flat();
  if (!wanted.some((each) => named.includes(each))) throw refused("claim", "it is for another audience");
}

/** Who authenticates itself, and where. */
export interface PrivateKeyJwtOptions extends SignOptions {
  /** What signs; its public key is registered at the server. */
  readonly signer: Signer;
  /** The client's identifier. */
  readonly clientId: string;
  /** The server: its issuer identifier, or the URL of its token endpoint. */
  readonly audience: string | readonly string[];
  /**
   * Seconds the assertion is good for.
   *
   * @default {60}
   */
  readonly lifetime?: number | undefined;
}

const optionNames: OptionNames<PrivateKeyJwtOptions> = {
  signer: true,
  clientId: true,
  audience: true,
  lifetime: true,
  signal: true,
};

/** The value of `client_assertion_type` that goes with it. */
export const CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Seconds an assertion is good for: it is used at once. */
const LIFETIME = 60;

/**
 * Makes the value of `client_assertion`, for one request.
 *
 * @throws {TypeError} For a signer with a shared secret, whose assertions are called otherwise, and for missing options.
 * @throws {RangeError} For a lifetime that is not above 0, or has no end.
 *
 * @example Ask for a token
 * ```ts
 * import { CLIENT_ASSERTION_TYPE, type HttpSession, privateKeyJwt, type Signer } from "@gp11/gp11/http";
 *
 * async function askForToken(session: HttpSession, signer: Signer): Promise<Response> {
 *   const assertion = await privateKeyJwt({ signer, clientId: "client-1", audience: "https://as.example" });
 *   const body = new URLSearchParams({
 *     grant_type: "client_credentials",
 *     client_assertion_type: CLIENT_ASSERTION_TYPE,
 *     client_assertion: assertion,
 *   });
 *   return await session.fetch("https://as.example/token", { method: "POST", body });
 * }
 * ```
 */
export async function privateKeyJwt(options: PrivateKeyJwtOptions): Promise<string> {
  const signer = checkSigner(options?.signer, "a client assertion");
  refuseUnknown("make a client assertion", options, optionNames);
  const { audience, clientId, lifetime = LIFETIME, signal } = options;
  if (signer.algorithm.startsWith("HS")) {
    throw new TypeError("Cannot make a client assertion: the signer has no private key");
  }
  if (typeof clientId !== "string" || clientId === "") {
    throw new TypeError("Cannot make a client assertion: clientId is no text");
  }
  if (audience === undefined || audience.length === 0) {
    throw new TypeError("Cannot make a client assertion: audience names no server");
  }
  moreThanZero("lifetime", lifetime, "seconds");
  const claims = { iss: clientId, sub: clientId, aud: audience, jti: runtimeCrypto().randomUUID() };
  return await signJwt(signer, claims, { expiresIn: lifetime, signal });
}
