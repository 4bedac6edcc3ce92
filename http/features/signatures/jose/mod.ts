/**
 * JSON Web Signatures and Tokens, and the proofs that OAuth makes of them.
 *
 * @module
 */
export { Dpop, type DpopOptions } from "./dpop.ts";
export { dpopProof, type DpopProofOptions } from "./dpop_proof.ts";
export {
  type JwsHeader,
  type JwsKeyFinder,
  type JwsPayload,
  signJws,
  type SignJwsOptions,
} from "./json_web_signature.ts";
export { type VerifiedJws, verifyJws, type VerifyJwsOptions } from "./json_web_signature.ts";
export { type JwtClaims, signJwt, type SignJwtOptions } from "./json_web_token.ts";
export { type VerifiedJwt, verifyJwt, type VerifyJwtOptions } from "./json_web_token.ts";
export { JwsError, type JwsErrorReason } from "./jws_error.ts";
export { CLIENT_ASSERTION_TYPE, privateKeyJwt, type PrivateKeyJwtOptions } from "./private_key_jwt.ts";
