/** Cryptography on one piece of data. */
import { type BytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import {
  type CryptoArgs,
  decrypt,
  digest,
  encrypt,
  sign,
  signRecover,
  verify,
  verifyRecover,
} from "../../ffi/operations/crypto.ts";
import { cryptoArgs, digestArgs } from "./crypto_args.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import type { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { coreOf } from "./session_base.ts";
import { Digester, PartsSigner, PartsVerifier } from "./parts_async.ts";
import { SessionObjects } from "./session_objects.ts";
import { closing, feed } from "./streams.ts";

/** Data at hand, or a stream of it. */
export type DataInput = BytesInput | ReadableStream<Uint8Array>;

/** The part of {@linkcode Session} that encrypts, decrypts, signs, verifies and digests. */
export abstract class SessionCrypto extends SessionObjects {
  /**
   * Encrypts data (`gp11_session_encrypt_full`; C_EncryptInit, C_Encrypt).
   *
   * @returns The encrypted data.
   */
  async encrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await coreOf(this).run(encrypt, cryptoArgs(this, "encrypt", key, mechanism, data), options);
  }

  /** {@linkcode SessionCrypto.encrypt} in place. */
  encryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return coreOf(this).runSync(encrypt, cryptoArgs(this, "encrypt", key, mechanism, data), options);
  }

  /**
   * Decrypts data (`gp11_session_decrypt_full`; C_DecryptInit, C_Decrypt).
   *
   * @returns The plain data.
   */
  async decrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await coreOf(this).run(decrypt, cryptoArgs(this, "decrypt", key, mechanism, data), options);
  }

  /** {@linkcode SessionCrypto.decrypt} in place. */
  decryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return coreOf(this).runSync(decrypt, cryptoArgs(this, "decrypt", key, mechanism, data), options);
  }

  /**
   * Signs data (`gp11_session_sign_full`; C_SignInit, C_Sign). Raw mechanisms sign a hash, combined ones the data.
   *
   * @returns The signature.
   */
  async sign(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (data instanceof ReadableStream) {
      const parts = new PartsSigner(this, key, mechanism);
      return await closing(parts, async () => {
        await feed(data, parts, options);
        return await parts.final(options);
      });
    }
    return await coreOf(this).run(sign, cryptoArgs(this, "sign", key, mechanism, data), options);
  }

  /** {@linkcode SessionCrypto.sign} in place. */
  signSync(key: Pkcs11Object, mechanism: Mechanism, data: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return coreOf(this).runSync(sign, cryptoArgs(this, "sign", key, mechanism, data), options);
  }

  /**
   * Verifies a signature (`gp11_session_verify_full`; C_VerifyInit, C_Verify).
   *
   * @returns Whether it is right; `false` for a signature that is wrong or of a wrong length.
   * @throws {Pkcs11Error} when the token could not look at it
   */
  async verify(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    signature: BytesInput,
    options?: CallOptions,
  ): Promise<boolean> {
    if (data instanceof ReadableStream) {
      const verifier = new PartsVerifier(this, key, mechanism);
      return await closing(verifier, async () => {
        await feed(data, verifier, options);
        return await verifier.final(signature, options);
      });
    }
    return await coreOf(this).run(verify, this.#verifyArgs(key, mechanism, data, signature), options);
  }

  /** {@linkcode SessionCrypto.verify} in place. */
  verifySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    signature: BytesInput,
    options?: CallOptions,
  ): boolean {
    return coreOf(this).runSync(verify, this.#verifyArgs(key, mechanism, data, signature), options);
  }

  /**
   * Hashes data (C_DigestInit, C_Digest).
   *
   * @returns The hash.
   */
  async digest(mechanism: Mechanism, data: DataInput, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (data instanceof ReadableStream) {
      const digester = new Digester(this, mechanism);
      return await closing(digester, async () => {
        await feed(data, digester, options);
        return await digester.final(options);
      });
    }
    return await coreOf(this).run(digest, digestArgs(this, mechanism, data), options);
  }

  /** {@linkcode SessionCrypto.digest} in place. */
  digestSync(mechanism: Mechanism, data: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return coreOf(this).runSync(digest, digestArgs(this, mechanism, data), options);
  }

  /**
   * Signs data that {@linkcode SessionCrypto.verifyRecover} gets back (C_SignRecoverInit, C_SignRecover).
   *
   * @returns The signature.
   */
  async signRecover(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await coreOf(this).run(signRecover, cryptoArgs(this, "sign with recovery", key, mechanism, data), options);
  }

  /** {@linkcode SessionCrypto.signRecover} in place. */
  signRecoverSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return coreOf(this).runSync(signRecover, cryptoArgs(this, "sign with recovery", key, mechanism, data), options);
  }

  /**
   * Verifies a signature and gets the data back from it (C_VerifyRecoverInit, C_VerifyRecover).
   *
   * @returns The data that was signed.
   */
  async verifyRecover(
    key: Pkcs11Object,
    mechanism: Mechanism,
    signature: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await coreOf(this).run(
      verifyRecover,
      cryptoArgs(this, "recover the signed data", key, mechanism, signature),
      options,
    );
  }

  /** {@linkcode SessionCrypto.verifyRecover} in place. */
  verifyRecoverSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    signature: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return coreOf(this).runSync(
      verifyRecover,
      cryptoArgs(this, "recover the signed data", key, mechanism, signature),
      options,
    );
  }

  #verifyArgs(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    signature: BytesInput,
  ): CryptoArgs & { readonly signature: Uint8Array } {
    return {
      ...cryptoArgs(this, "verify the signature", key, mechanism, data),
      signature: viewBytes(signature, "a signature"),
    };
  }
}
