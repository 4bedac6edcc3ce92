/**
 * JSON Web Tokens (RFC 7519), signed.
 *
 * @module
 */
import { type OptionNames, refuseUnknown } from "../../../../internal/expected.ts";
import { finiteTime, moreThanZero, zeroOrMore } from "../../../../internal/time_limits.ts";
import type { VerificationKey } from "../algorithms.ts";
import type { Signer, SignOptions } from "../signer.ts";
import { secondsNow } from "../sign_message.ts";
import { type JwsHeader, type JwsKeyFinder, signJws, verifyJws, type VerifyJwsOptions } from "./json_web_signature.ts";
import { JwsError } from "./jws_error.ts";

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

/** How a JSON Web Token is made. */
export interface SignJwtOptions extends SignOptions {
  /** Members of its header, beside `alg`, `kid` and `typ`. */
  readonly header?: JwsHeader | undefined;
  /** Seconds until it expires, where the claims do not say. */
  readonly expiresIn?: number | undefined;
}

/**
 * Signs claims as a JSON Web Token; `iat` is now, where they do not say.
 *
 * @throws {TypeError} For claims that are no object, an `expiresIn` that is no number, and a header that contradicts the signer.
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
  if (typeof claims !== "object" || claims === null || Array.isArray(claims) || ArrayBuffer.isView(claims)) {
    throw new TypeError("Cannot sign the token: its claims are no object");
  }
  const { expiresIn, header, signal } = options;
  checkNumbers(claims);
  const iat = claims.iat ?? secondsNow();
  const expiry = expiresIn === undefined ? {} : {
    exp: finiteTime("iat", iat, "seconds") +
      finiteTime("expiresIn", moreThanZero("expiresIn", expiresIn, "seconds"), "seconds"),
  };
  return await signJws(signer, { iat, ...expiry, ...claims }, { typ: "JWT", ...header }, { signal });
}

/** Checks the times: JSON has no number for those that are none, and would say null. */
function checkNumbers(claims: JwtClaims): void {
  for (const name of ["exp", "nbf", "iat"]) {
    const time = claims[name];
    if (typeof time === "number" && !Number.isFinite(time)) {
      throw new RangeError(`Cannot set ${name} to ${time}: it must be a number of seconds that ends`);
    }
  }
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
  const { algorithms, understood } = options;
  const { header, payload } = await verifyJws(jwt, key, { algorithms, understood });
  // RFC 7797 §7: nobody may have to guess whether claims are encoded.
  if (header.b64 === false) throw refused("malformed", "its claims are not encoded");
  const claims = claimsOf(payload);
  const type = plainType(header.typ);
  if (options.type !== undefined && type !== plainType(options.type)) {
    throw refused("claim", `its type is ${JSON.stringify(header.typ)}`);
  }
  checkTimes(claims, times);
  checkClaims(claims, options);
  return { header, claims };
}

function refused(reason: JwsError["reason"], why: string): JwsError {
  return new JwsError(reason, `Cannot accept the JSON Web Token: ${why}`);
}

function plainType(type: unknown): string {
  return String(type).toLowerCase().replace(/^application\//, "");
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
  for (const name of ["exp", "nbf", "iat"]) {
    const time = claims[name];
    if (time !== undefined && !Number.isFinite(time)) throw refused("malformed", `${name} is no time`);
  }
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
  const isAudience = aud === undefined || [aud].flat().every((each) => typeof each === "string");
  const wrong = isAudience
    ? ["iss", "sub", "jti"].find((name) => !/^(?:string|undefined)$/.test(typeof claims[name]))
    : "aud";
  if (wrong !== undefined) throw refused("malformed", `${wrong} is no text`);
  const missing = required.find((name) => !Object.hasOwn(claims, name) || claims[name] === null);
  if (missing !== undefined) throw refused("claim", `it has no ${missing}`);
  if (issuer !== undefined && claims.iss !== issuer) throw refused("claim", "it is of another issuer");
  if (subject !== undefined && claims.sub !== subject) throw refused("claim", "it is of another subject");
  if (audience === undefined) return;
  const wanted = typeof audience === "string" ? [audience] : audience;
  const named = aud === undefined ? [] : [aud].flat();
  if (!wanted.some((each) => named.includes(each))) throw refused("claim", "it is for another audience");
}
