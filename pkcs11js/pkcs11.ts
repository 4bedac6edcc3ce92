/** The class of pkcs11js: one method for each function of PKCS#11, as its users know them. */
import type { Buffer } from "node:buffer";
import { fact, inspectable } from "../internal/inspection.ts";
import { CALLS } from "./calls.ts";
import { callAsync, callNow, callOrTell, Functions, startNow, wholeNow, wholeOrTell } from "./functions.ts";
import type { Callback, Handle, KeyPair, Mechanism, Template } from "./types.ts";

/**
 * A PKCS#11 module, as pkcs11js has it: handles are Buffers, the functions throw {@linkcode Pkcs11Error}, those with a
 * callback or with `Async` in the name work on another thread. Calls of one session are made in the order they came: one
 * in place waits for the asynchronous ones before it.
 *
 * @example Digest with a token
 * ```ts
 * import { CKF_SERIAL_SESSION, CKM_SHA256, PKCS11 } from "@gp11/gp11/pkcs11js";
 * import { Buffer } from "node:buffer";
 *
 * async function digest(library: string, data: Buffer): Promise<Buffer> {
 *   const pkcs11 = new PKCS11(library);
 *   pkcs11.C_Initialize();
 *   try {
 *     const session = pkcs11.C_OpenSession(pkcs11.C_GetSlotList(true)[0]!, CKF_SERIAL_SESSION);
 *     pkcs11.C_DigestInit(session, { mechanism: CKM_SHA256 });
 *     return await pkcs11.C_DigestAsync(session, data, Buffer.alloc(32));
 *   } finally {
 *     pkcs11.C_Finalize();
 *   }
 * }
 * ```
 */
export class PKCS11 extends Functions {
  /** Sets the user's PIN, by the security officer. */
  C_InitPIN(...args: [session: Handle, pin?: string]): void {
    callNow(this, CALLS.C_InitPIN, args);
  }

  /** Changes the PIN of whoever is logged in, or the user's. */
  C_SetPIN(...args: [session: Handle, oldPin: string, newPin: string]): void {
    callNow(this, CALLS.C_SetPIN, args);
  }

  /** Restores the state of an operation; handles of 0 are no keys. */
  C_SetOperationState(
    ...args: [session: Handle, state: Uint8Array, encryptionKey: Handle, authenticationKey: Handle]
  ): void {
    callNow(this, CALLS.C_SetOperationState, args);
  }

  /** Makes an object. */
  C_CreateObject(...args: [session: Handle, template: Template]): Handle {
    return callNow(this, CALLS.C_CreateObject, args) as Handle;
  }

  /** Copies an object. */
  C_CopyObject(...args: [session: Handle, object: Handle, template: Template]): Handle {
    return callNow(this, CALLS.C_CopyObject, args) as Handle;
  }

  /** Destroys an object. */
  C_DestroyObject(...args: [session: Handle, object: Handle]): void {
    callNow(this, CALLS.C_DestroyObject, args);
  }

  /** Bytes an object takes. */
  C_GetObjectSize(...args: [session: Handle, object: Handle]): number {
    return callNow(this, CALLS.C_GetObjectSize, args) as number;
  }

  /** Changes attributes of an object. */
  C_SetAttributeValue(...args: [session: Handle, object: Handle, template: Template]): void {
    callNow(this, CALLS.C_SetAttributeValue, args);
  }

  /** Begins a search. */
  C_FindObjectsInit(...args: [session: Handle, template: Template]): void {
    callNow(this, CALLS.C_FindObjectsInit, args);
  }

  /** Ends a search. */
  C_FindObjectsFinal(...args: [session: Handle]): void {
    callNow(this, CALLS.C_FindObjectsFinal, args);
  }

  /** Begins an encryption. */
  C_EncryptInit(...args: [session: Handle, mechanism: Mechanism, key: Handle]): void {
    startNow(this, CALLS.C_EncryptInit, args);
  }

  /** Encrypts a part. */
  C_EncryptUpdate(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Buffer {
    return wholeNow(this, CALLS.C_EncryptUpdate, args) as Buffer;
  }

  /** Begins a decryption. */
  C_DecryptInit(...args: [session: Handle, mechanism: Mechanism, key: Handle]): void {
    startNow(this, CALLS.C_DecryptInit, args);
  }

  /** Decrypts a part. */
  C_DecryptUpdate(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Buffer {
    return wholeNow(this, CALLS.C_DecryptUpdate, args) as Buffer;
  }

  /** Begins a digest. */
  C_DigestInit(...args: [session: Handle, mechanism: Mechanism]): void {
    startNow(this, CALLS.C_DigestInit, args);
  }

  /** Digests a part. */
  C_DigestUpdate(...args: [session: Handle, inData: Uint8Array]): void {
    callNow(this, CALLS.C_DigestUpdate, args);
  }

  /** Digests a secret key. */
  C_DigestKey(...args: [session: Handle, key: Handle]): void {
    callNow(this, CALLS.C_DigestKey, args);
  }

  /** Begins a signature. */
  C_SignInit(...args: [session: Handle, mechanism: Mechanism, key: Handle]): void {
    startNow(this, CALLS.C_SignInit, args);
  }

  /** Signs a part. */
  C_SignUpdate(...args: [session: Handle, inData: Uint8Array]): void {
    callNow(this, CALLS.C_SignUpdate, args);
  }

  /** Begins a signature that holds its data. */
  C_SignRecoverInit(...args: [session: Handle, mechanism: Mechanism, key: Handle]): void {
    startNow(this, CALLS.C_SignRecoverInit, args);
  }

  /** Makes a signature that holds its data. */
  C_SignRecover(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Buffer {
    return wholeNow(this, CALLS.C_SignRecover, args) as Buffer;
  }

  /** Begins a verification. */
  C_VerifyInit(...args: [session: Handle, mechanism: Mechanism, key: Handle]): void {
    startNow(this, CALLS.C_VerifyInit, args);
  }

  /** Verifies a part. */
  C_VerifyUpdate(...args: [session: Handle, inData: Uint8Array]): void {
    callNow(this, CALLS.C_VerifyUpdate, args);
  }

  /** Begins the verification of a signature that holds its data. */
  C_VerifyRecoverInit(...args: [session: Handle, mechanism: Mechanism, key: Handle]): void {
    startNow(this, CALLS.C_VerifyRecoverInit, args);
  }

  /** Verifies a signature that holds its data, and gives the data. */
  C_VerifyRecover(...args: [session: Handle, signature: Uint8Array, outData: Buffer]): Buffer {
    return wholeNow(this, CALLS.C_VerifyRecover, args) as Buffer;
  }

  /** Mixes a seed into the token's random numbers. */
  C_SeedRandom(...args: [session: Handle, buf: Uint8Array]): void {
    callNow(this, CALLS.C_SeedRandom, args);
  }

  /** Fills a Buffer with random bytes, and returns it. */
  C_GenerateRandom(...args: [session: Handle, buf: Buffer]): Buffer {
    return callNow(this, CALLS.C_GenerateRandom, args) as Buffer;
  }

  /** Encrypts data in one part. */
  C_Encrypt(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Encrypts data in one part; the callback is told the result. */
  C_Encrypt(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_Encrypt(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_Encrypt, args);
  }

  /** Encrypts data in one part, on another thread. */
  C_EncryptAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_Encrypt, args) as Promise<Buffer>;
  }

  /** Ends an encryption in parts. */
  C_EncryptFinal(session: Handle, outData: Buffer): Buffer;
  /** Ends an encryption in parts; the callback is told the result. */
  C_EncryptFinal(session: Handle, outData: Buffer, cb: Callback<Buffer>): void;
  C_EncryptFinal(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_EncryptFinal, args);
  }

  /** Ends an encryption in parts, on another thread. */
  C_EncryptFinalAsync(...args: [session: Handle, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_EncryptFinal, args) as Promise<Buffer>;
  }

  /** Decrypts data in one part. */
  C_Decrypt(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Decrypts data in one part; the callback is told the result. */
  C_Decrypt(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_Decrypt(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_Decrypt, args);
  }

  /** Decrypts data in one part, on another thread. */
  C_DecryptAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_Decrypt, args) as Promise<Buffer>;
  }

  /** Ends a decryption in parts. */
  C_DecryptFinal(session: Handle, outData: Buffer): Buffer;
  /** Ends a decryption in parts; the callback is told the result. */
  C_DecryptFinal(session: Handle, outData: Buffer, cb: Callback<Buffer>): void;
  C_DecryptFinal(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_DecryptFinal, args);
  }

  /** Ends a decryption in parts, on another thread. */
  C_DecryptFinalAsync(...args: [session: Handle, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_DecryptFinal, args) as Promise<Buffer>;
  }

  /** Digests data in one part. */
  C_Digest(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Digests data in one part; the callback is told the result. */
  C_Digest(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_Digest(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_Digest, args);
  }

  /** Digests data in one part, on another thread. */
  C_DigestAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_Digest, args) as Promise<Buffer>;
  }

  /** Ends a digest in parts. */
  C_DigestFinal(session: Handle, outData: Buffer): Buffer;
  /** Ends a digest in parts; the callback is told the result. */
  C_DigestFinal(session: Handle, outData: Buffer, cb: Callback<Buffer>): void;
  C_DigestFinal(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_DigestFinal, args);
  }

  /** Ends a digest in parts, on another thread. */
  C_DigestFinalAsync(...args: [session: Handle, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_DigestFinal, args) as Promise<Buffer>;
  }

  /** Signs data in one part. */
  C_Sign(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Signs data in one part; the callback is told the result. */
  C_Sign(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_Sign(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_Sign, args);
  }

  /** Signs data in one part, on another thread. */
  C_SignAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_Sign, args) as Promise<Buffer>;
  }

  /** Ends a signature in parts. */
  C_SignFinal(session: Handle, outData: Buffer): Buffer;
  /** Ends a signature in parts; the callback is told the result. */
  C_SignFinal(session: Handle, outData: Buffer, cb: Callback<Buffer>): void;
  C_SignFinal(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_SignFinal, args);
  }

  /** Ends a signature in parts, on another thread. */
  C_SignFinalAsync(...args: [session: Handle, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_SignFinal, args) as Promise<Buffer>;
  }

  /** Verifies a signature: true, or an error with CKR_SIGNATURE_INVALID. */
  C_Verify(session: Handle, inData: Uint8Array, signature: Uint8Array): boolean;
  /** Verifies a signature: true, or an error with CKR_SIGNATURE_INVALID; the callback is told the result. */
  C_Verify(session: Handle, inData: Uint8Array, signature: Uint8Array, cb: Callback<boolean>): void;
  C_Verify(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_Verify, args);
  }

  /** Verifies a signature: true, or an error with CKR_SIGNATURE_INVALID, on another thread. */
  C_VerifyAsync(...args: [session: Handle, inData: Uint8Array, signature: Uint8Array]): Promise<boolean> {
    return callAsync(this, CALLS.C_Verify, args) as Promise<boolean>;
  }

  /** Ends a verification in parts. */
  C_VerifyFinal(session: Handle, signature: Uint8Array): boolean;
  /** Ends a verification in parts; the callback is told the result. */
  C_VerifyFinal(session: Handle, signature: Uint8Array, cb: Callback<boolean>): void;
  C_VerifyFinal(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_VerifyFinal, args);
  }

  /** Ends a verification in parts, on another thread. */
  C_VerifyFinalAsync(...args: [session: Handle, signature: Uint8Array]): Promise<boolean> {
    return callAsync(this, CALLS.C_VerifyFinal, args) as Promise<boolean>;
  }

  /** Digests and encrypts a part. */
  C_DigestEncryptUpdate(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Digests and encrypts a part; the callback is told the result. */
  C_DigestEncryptUpdate(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_DigestEncryptUpdate(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_DigestEncryptUpdate, args);
  }

  /** Digests and encrypts a part, on another thread. */
  C_DigestEncryptUpdateAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_DigestEncryptUpdate, args) as Promise<Buffer>;
  }

  /** Decrypts and digests a part. */
  C_DecryptDigestUpdate(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Decrypts and digests a part; the callback is told the result. */
  C_DecryptDigestUpdate(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_DecryptDigestUpdate(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_DecryptDigestUpdate, args);
  }

  /** Decrypts and digests a part, on another thread. */
  C_DecryptDigestUpdateAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_DecryptDigestUpdate, args) as Promise<Buffer>;
  }

  /** Signs and encrypts a part. */
  C_SignEncryptUpdate(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Signs and encrypts a part; the callback is told the result. */
  C_SignEncryptUpdate(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_SignEncryptUpdate(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_SignEncryptUpdate, args);
  }

  /** Signs and encrypts a part, on another thread. */
  C_SignEncryptUpdateAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_SignEncryptUpdate, args) as Promise<Buffer>;
  }

  /** Decrypts and verifies a part. */
  C_DecryptVerifyUpdate(session: Handle, inData: Uint8Array, outData: Buffer): Buffer;
  /** Decrypts and verifies a part; the callback is told the result. */
  C_DecryptVerifyUpdate(session: Handle, inData: Uint8Array, outData: Buffer, cb: Callback<Buffer>): void;
  C_DecryptVerifyUpdate(...args: unknown[]): unknown {
    return wholeOrTell(this, CALLS.C_DecryptVerifyUpdate, args);
  }

  /** Decrypts and verifies a part, on another thread. */
  C_DecryptVerifyUpdateAsync(...args: [session: Handle, inData: Uint8Array, outData: Buffer]): Promise<Buffer> {
    return callAsync(this, CALLS.C_DecryptVerifyUpdate, args) as Promise<Buffer>;
  }

  /** Makes a secret key. */
  C_GenerateKey(session: Handle, mechanism: Mechanism, template: Template): Handle;
  /** Makes a secret key; the callback is told the result. */
  C_GenerateKey(session: Handle, mechanism: Mechanism, template: Template, cb: Callback<Handle>): void;
  C_GenerateKey(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_GenerateKey, args);
  }

  /** Makes a secret key, on another thread. */
  C_GenerateKeyAsync(...args: [session: Handle, mechanism: Mechanism, template: Template]): Promise<Handle> {
    return callAsync(this, CALLS.C_GenerateKey, args) as Promise<Handle>;
  }

  /** Makes a key pair. */
  C_GenerateKeyPair(session: Handle, mechanism: Mechanism, publicTmpl: Template, privateTmpl: Template): KeyPair;
  /** Makes a key pair; the callback is told the result. */
  C_GenerateKeyPair(
    session: Handle,
    mechanism: Mechanism,
    publicTmpl: Template,
    privateTmpl: Template,
    cb: Callback<KeyPair>,
  ): void;
  C_GenerateKeyPair(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_GenerateKeyPair, args);
  }

  /** Makes a key pair, on another thread. */
  C_GenerateKeyPairAsync(
    ...args: [session: Handle, mechanism: Mechanism, publicTmpl: Template, privateTmpl: Template]
  ): Promise<KeyPair> {
    return callAsync(this, CALLS.C_GenerateKeyPair, args) as Promise<KeyPair>;
  }

  /** Wraps a key. */
  C_WrapKey(session: Handle, mechanism: Mechanism, wrappingKey: Handle, key: Handle, wrappedKey: Buffer): Buffer;
  /** Wraps a key; the callback is told the result. */
  C_WrapKey(
    session: Handle,
    mechanism: Mechanism,
    wrappingKey: Handle,
    key: Handle,
    wrappedKey: Buffer,
    cb: Callback<Buffer>,
  ): void;
  C_WrapKey(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_WrapKey, args);
  }

  /** Wraps a key, on another thread. */
  C_WrapKeyAsync(
    ...args: [session: Handle, mechanism: Mechanism, wrappingKey: Handle, key: Handle, wrappedKey: Buffer]
  ): Promise<Buffer> {
    return callAsync(this, CALLS.C_WrapKey, args) as Promise<Buffer>;
  }

  /** Unwraps a key. */
  C_UnwrapKey(
    session: Handle,
    mechanism: Mechanism,
    unwrappingKey: Handle,
    wrappedKey: Uint8Array,
    template: Template,
  ): Handle;
  /** Unwraps a key; the callback is told the result. */
  C_UnwrapKey(
    session: Handle,
    mechanism: Mechanism,
    unwrappingKey: Handle,
    wrappedKey: Uint8Array,
    template: Template,
    cb: Callback<Handle>,
  ): void;
  C_UnwrapKey(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_UnwrapKey, args);
  }

  /** Unwraps a key, on another thread. */
  C_UnwrapKeyAsync(
    ...args: [session: Handle, mechanism: Mechanism, unwrappingKey: Handle, wrappedKey: Uint8Array, template: Template]
  ): Promise<Handle> {
    return callAsync(this, CALLS.C_UnwrapKey, args) as Promise<Handle>;
  }

  /** Derives a key. */
  C_DeriveKey(session: Handle, mechanism: Mechanism, key: Handle, template: Template): Handle;
  /** Derives a key; the callback is told the result. */
  C_DeriveKey(session: Handle, mechanism: Mechanism, key: Handle, template: Template, cb: Callback<Handle>): void;
  C_DeriveKey(...args: unknown[]): unknown {
    return callOrTell(this, CALLS.C_DeriveKey, args);
  }

  /** Derives a key, on another thread. */
  C_DeriveKeyAsync(...args: [session: Handle, mechanism: Mechanism, key: Handle, template: Template]): Promise<Handle> {
    return callAsync(this, CALLS.C_DeriveKey, args) as Promise<Handle>;
  }
}

inspectable(PKCS11, "PKCS11", ({ libPath }) => [fact("libPath", libPath)]);
