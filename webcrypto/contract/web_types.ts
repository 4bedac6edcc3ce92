/**
 * What the Web Cryptography API takes and gives, under names of this library: a compiler without the DOM library knows the
 * API's own by no name.
 *
 * @module
 */
import type { webcrypto } from "node:crypto";

/** Bytes as the API takes them (its `BufferSource`): not on shared memory. */
export type WebCryptoBytes = ArrayBuffer | ArrayBufferView<ArrayBuffer>;

/** A JSON Web Key (RFC 7517), the API's `JsonWebKey`. */
export type WebCryptoJsonKey = webcrypto.JsonWebKey;
