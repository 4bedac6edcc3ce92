/**
 * Proofs that whoever shows an access token has the key it is bound to (RFC 9449 §4).
 *
 * @module
 */
import { builtin } from "../../../../internal/builtin_modules.ts";
import { toBase64Url } from "../../../../internal/bytes.ts";
import { type OptionNames, refuseUnknown } from "../../../../internal/expected.ts";
import { runtimeCrypto } from "../../../../internal/runtime.ts";
import { checkSigner, type PublicJwk, type Signer, type SignOptions } from "../signer.ts";
import { secondsNow } from "../sign_message.ts";
import { type JwsInput, jwsInput } from "./json_web_signature.ts";

/** What a proof is for. */
export interface DpopProofOptions extends SignOptions {
  /** The method of the request. */
  readonly method: string;
  /** The URL of the request; query and fragment do not count. */
  readonly url: string | URL;
  /** The nonce the server has given last. */
  readonly nonce?: string | undefined;
  /** The access token that goes with the request. */
  readonly accessToken?: string | undefined;
}

const optionNames: OptionNames<DpopProofOptions> = {
  method: true,
  url: true,
  nonce: true,
  accessToken: true,
  signal: true,
};

/**
 * Makes the value of the DPoP field, for one request.
 *
 * @throws {TypeError} For a signer without a public key.
 *
 * @example A proof for a library that sends by itself
 * ```ts
 * import { dpopProof, type Signer } from "@gp11/gp11/http";
 *
 * async function headers(signer: Signer, accessToken: string): Promise<Headers> {
 *   const proof = await dpopProof(signer, { method: "GET", url: "https://api.example/me", accessToken });
 *   return new Headers({ authorization: `DPoP ${accessToken}`, dpop: proof });
 * }
 * ```
 */
export async function dpopProof(signer: Signer, options: DpopProofOptions): Promise<string> {
  refuseUnknown("make a proof", options, optionNames);
  const { compact, message } = proofInput(signer, dpopKey(signer), options);
  return compact(await signer.sign(message, { signal: options.signal }));
}

/** Lays out what is signed. */
export function proofInput(
  signer: Signer,
  jwk: PublicJwk,
  { accessToken, method, nonce, url }: DpopProofOptions,
): JwsInput {
  const target = new URL(url);
  target.search =
    target.hash =
    target.username =
    target.password =
      "";
  const claims = {
    jti: runtimeCrypto().randomUUID(),
    htm: method,
    htu: target.href,
    iat: secondsNow(),
    ...(accessToken === undefined ? {} : { ath: hashOf(accessToken) }),
    ...(nonce === undefined ? {} : { nonce }),
  };
  return jwsInput(signer, claims, { typ: "dpop+jwt", kid: undefined, jwk });
}

function hashOf(accessToken: string): string {
  return toBase64Url(builtin.crypto.createHash("sha256").update(accessToken).digest());
}

/** Members of a key that make it (RFC 7638 §3.2, RFC 9964 §3). */
const MEMBERS: readonly (keyof PublicJwk)[] = ["kty", "crv", "x", "y", "n", "e"];

/**
 * The public key as it stands in a proof: nothing but the key.
 *
 * @throws {TypeError} For a signer that has none.
 */
export function dpopKey(signer: Signer): PublicJwk {
  const key = checkSigner(signer, "a DPoP proof").publicJwk?.();
  if (key === undefined || key.kty === "oct" || signer.algorithm.startsWith("HS")) {
    throw new TypeError("Cannot make a DPoP proof: the signer has no public key");
  }
  const members = key.kty === "AKP" ? [...MEMBERS, "alg" as const, "pub" as const] : MEMBERS;
  return Object.fromEntries(members.filter((name) => key[name] !== undefined).map((name) => [name, key[name]]));
}
