/**
 * Clients that authenticate themselves at an authorization server with a key (RFC 7523, "private_key_jwt").
 *
 * @module
 */
import { type OptionNames, refuseUnknown } from "../../../../internal/expected.ts";
import { moreThanZero } from "../../../../internal/time_limits.ts";
import { runtimeCrypto } from "../../../../internal/runtime.ts";
import { checkSigner, type Signer, type SignOptions } from "../signer.ts";
import { signJwt } from "./json_web_token.ts";

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
