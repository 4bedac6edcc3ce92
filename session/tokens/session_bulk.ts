/** Many inputs at once, data in parts, streams and messages. */
import { type BytesInput, copyBytes, describeType, viewBytes } from "../../ffi/memory/inputs.ts";
import { prepareMechanism } from "../../ffi/memory/mechanisms.ts";
import { digestMany, encryptMany, type ManyArgs, signMany, verifyMany } from "../../ffi/operations/many.ts";
import { decryptMessage, encryptMessage, type MessageArgs } from "../../ffi/operations/messages.ts";
import { authenticationFor, keyHandle } from "./crypto_args.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { type Pkcs11Object, traitsOf } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { Decryptor, Digester, Encryptor, PartsSigner, PartsVerifier } from "./parts_async.ts";
import { SyncDecryptor, SyncDigester, SyncEncryptor, SyncPartsSigner, SyncPartsVerifier } from "./parts_sync.ts";
import { coreOf } from "./session_base.ts";
import { SessionKeys } from "./session_keys.ts";
import { cipherStream } from "./streams.ts";

/** How a message is encrypted or decrypted. */
export interface MessageOptions extends CallOptions {
  /**
   * Data that is authenticated and not encrypted.
   *
   * @default none
   */
  readonly associatedData?: BytesInput | undefined;
}

/** The part of {@linkcode Session} for many inputs, parts, streams and messages. */
export abstract class SessionBulk extends SessionKeys {
  /** Signs many inputs in one trip to a worker thread. (C_SignInit, C_Sign for each) */
  async signMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await coreOf(this).run(signMany, this.#manyArgs("sign", key, mechanism, inputs), options);
  }

  /** {@linkcode SessionBulk.signMany} in place. */
  signManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return coreOf(this).runSync(signMany, this.#manyArgs("sign", key, mechanism, inputs), options);
  }

  /** Encrypts many inputs in one trip to a worker thread, each with the same parameter. (C_EncryptInit, C_Encrypt for each) */
  async encryptMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await coreOf(this).run(encryptMany, this.#manyArgs("encrypt", key, mechanism, inputs), options);
  }

  /** {@linkcode SessionBulk.encryptMany} in place. */
  encryptManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return coreOf(this).runSync(encryptMany, this.#manyArgs("encrypt", key, mechanism, inputs), options);
  }

  /** Hashes many inputs in one trip to a worker thread. (C_DigestInit, C_Digest for each) */
  async digestMany(
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await coreOf(this).run(digestMany, this.#manyArgs("digest", null, mechanism, inputs), options);
  }

  /** {@linkcode SessionBulk.digestMany} in place. */
  digestManySync(
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return coreOf(this).runSync(digestMany, this.#manyArgs("digest", null, mechanism, inputs), options);
  }

  /**
   * Verifies many signatures in one trip to a worker thread. (C_VerifyInit, C_Verify for each)
   *
   * @param inputs What was signed.
   * @param signatures As many signatures, in the same order.
   */
  async verifyMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    signatures: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<boolean[]> {
    return await coreOf(this).run(verifyMany, this.#verifyManyArgs(key, mechanism, inputs, signatures), options);
  }

  /** {@linkcode SessionBulk.verifyMany} in place. */
  verifyManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    signatures: readonly BytesInput[],
    options?: CallOptions,
  ): boolean[] {
    return coreOf(this).runSync(verifyMany, this.#verifyManyArgs(key, mechanism, inputs, signatures), options);
  }

  /** Encrypts data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  encryptor(key: Pkcs11Object, mechanism: Mechanism): Encryptor {
    return new Encryptor(this, key, mechanism);
  }

  /** {@linkcode SessionBulk.encryptor} in place. */
  encryptorSync(key: Pkcs11Object, mechanism: Mechanism): SyncEncryptor {
    return new SyncEncryptor(this, key, mechanism);
  }

  /** Decrypts data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  decryptor(key: Pkcs11Object, mechanism: Mechanism): Decryptor {
    return new Decryptor(this, key, mechanism);
  }

  /** {@linkcode SessionBulk.decryptor} in place. */
  decryptorSync(key: Pkcs11Object, mechanism: Mechanism): SyncDecryptor {
    return new SyncDecryptor(this, key, mechanism);
  }

  /** Signs data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  signer(key: Pkcs11Object, mechanism: Mechanism): PartsSigner {
    return new PartsSigner(this, key, mechanism);
  }

  /** {@linkcode SessionBulk.signer} in place. */
  signerSync(key: Pkcs11Object, mechanism: Mechanism): SyncPartsSigner {
    return new SyncPartsSigner(this, key, mechanism);
  }

  /** Verifies data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  verifier(key: Pkcs11Object, mechanism: Mechanism): PartsVerifier {
    return new PartsVerifier(this, key, mechanism);
  }

  /** {@linkcode SessionBulk.verifier} in place. */
  verifierSync(key: Pkcs11Object, mechanism: Mechanism): SyncPartsVerifier {
    return new SyncPartsVerifier(this, key, mechanism);
  }

  /** Hashes data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  digester(mechanism: Mechanism): Digester {
    return new Digester(this, mechanism);
  }

  /** {@linkcode SessionBulk.digester} in place. */
  digesterSync(mechanism: Mechanism): SyncDigester {
    return new SyncDigester(this, mechanism);
  }

  /** A stream that encrypts what flows through it. */
  encryptStream(key: Pkcs11Object, mechanism: Mechanism): TransformStream<Uint8Array, Uint8Array> {
    return cipherStream(new Encryptor(this, key, mechanism));
  }

  /** A stream that decrypts what flows through it. */
  decryptStream(key: Pkcs11Object, mechanism: Mechanism): TransformStream<Uint8Array, Uint8Array> {
    return cipherStream(new Decryptor(this, key, mechanism));
  }

  /**
   * Encrypts one message (C_MessageEncryptInit, C_EncryptMessage, C_MessageEncryptFinal; PKCS#11 3.0).
   *
   * @param mechanism With a message's parameter, such as `aesGcmMessage` makes: the nonce the token used and the tag are
   * read from it after the call.
   */
  async encryptMessage(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = this.#messageArgs("encrypt a message", key, mechanism, data, options);
    return await coreOf(this).run(encryptMessage, args, options);
  }

  /** {@linkcode SessionBulk.encryptMessage} in place. */
  encryptMessageSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Uint8Array<ArrayBuffer> {
    const args = this.#messageArgs("encrypt a message", key, mechanism, data, options);
    return coreOf(this).runSync(encryptMessage, args, options);
  }

  /** Decrypts one message (C_MessageDecryptInit, C_DecryptMessage, C_MessageDecryptFinal; PKCS#11 3.0). */
  async decryptMessage(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = this.#messageArgs("decrypt a message", key, mechanism, data, options);
    return await coreOf(this).run(decryptMessage, args, options);
  }

  /** {@linkcode SessionBulk.decryptMessage} in place. */
  decryptMessageSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Uint8Array<ArrayBuffer> {
    const args = this.#messageArgs("decrypt a message", key, mechanism, data, options);
    return coreOf(this).runSync(decryptMessage, args, options);
  }

  #manyArgs(action: string, key: Pkcs11Object | null, mechanism: Mechanism, inputs: readonly BytesInput[]): ManyArgs {
    const core = coreOf(this);
    core.assertFree(action);
    return {
      session: core.handle,
      key: key === null ? null : keyHandle(core, action, key),
      traits: key === null ? null : traitsOf(key),
      mechanism: prepareMechanism(mechanism),
      // Trips are laid out one after the other: the inputs of later ones are copied here.
      inputs: listOf(inputs, "inputs").map((input) => copyBytes(input, "an input")),
      authentication: key === null ? null : authenticationFor(core, key),
    };
  }

  #verifyManyArgs(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    signatures: readonly BytesInput[],
  ): ManyArgs & { readonly signatures: readonly Uint8Array[] } {
    if (listOf(inputs, "inputs").length !== listOf(signatures, "signatures").length) {
      throw new RangeError(`Cannot verify: there are ${inputs.length} inputs and ${signatures.length} signatures`);
    }
    return {
      ...this.#manyArgs("verify", key, mechanism, inputs),
      signatures: signatures.map((signature) => copyBytes(signature, "a signature")),
    };
  }

  #messageArgs(
    action: string,
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options: MessageOptions | undefined,
  ): MessageArgs {
    const core = coreOf(this);
    core.assertFree(action);
    return {
      session: core.handle,
      key: keyHandle(core, action, key),
      mechanism: prepareMechanism(mechanism),
      associatedData: viewBytes(options?.associatedData ?? new Uint8Array(0), "associated data"),
      data: viewBytes(data, "a message"),
    };
  }
}

function listOf<T>(list: readonly T[], subject: string): readonly T[] {
  if (Array.isArray(list)) return list;
  throw new TypeError(`Cannot use the ${subject}: expected an array, got ${describeType(list)}`);
}
