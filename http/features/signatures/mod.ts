/**
 * Requests that are signed by keys: HTTP message signatures (RFC 9421).
 *
 * @module
 */
export { parseAcceptSignature, type RequestedSignature } from "./accept_signature.ts";
export type { SignatureVerifier, VerificationKey } from "./algorithms.ts";
export type { StructuredFieldType } from "./components.ts";
export type { ContentDigestAlgorithm } from "./content_digest.ts";
export type { FieldLines, SignableMessage, SignableRequest, SignableResponse } from "./message_parts.ts";
export { MessageSignatures, type MessageSignaturesOptions } from "./message_signatures.ts";
export type { SignatureInfo } from "./received_signatures.ts";
export { type SignatureFields, signMessage, type SignMessageOptions } from "./sign_message.ts";
export { MessageSignatureError, type MessageSignatureReason } from "./signature_error.ts";
export type { PublicJwk, Signer, SignOptions } from "./signer.ts";
export { type FoundKey, verifyMessage, type VerifyMessageOptions } from "./verify_message.ts";
