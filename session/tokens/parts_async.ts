/** The operations in parts that are awaited. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { Parts, type PartsMaker } from "./parts.ts";

/** Makes an encryptor. */
export let newEncryptor: PartsMaker<Encryptor>;
/** Makes a decryptor. */
export let newDecryptor: PartsMaker<Decryptor>;
/** Makes a digester. */
export let newDigester: PartsMaker<Digester>;
/** Makes a signer. */
export let newPartsSigner: PartsMaker<PartsSigner>;
/** Makes a verifier. */
export let newPartsVerifier: PartsMaker<PartsVerifier>;

/** Encrypts in parts (C_EncryptInit, C_EncryptUpdate, C_EncryptFinal). */
export class Encryptor extends Parts {
  static {
    newEncryptor = (session, key, mechanism) => new Encryptor(session, "encryptor", key, mechanism);
  }

  /**
   * Takes a part and gives what can be given of the result.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async update(chunk: BytesInput, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.take(chunk, options);
  }

  /**
   * Gives the rest of the result.
   *
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Decrypts in parts (C_DecryptInit, C_DecryptUpdate, C_DecryptFinal). */
export class Decryptor extends Parts {
  static {
    newDecryptor = (session, key, mechanism) => new Decryptor(session, "decryptor", key, mechanism);
  }

  /**
   * Takes a part and gives what can be given of the result.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async update(chunk: BytesInput, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.take(chunk, options);
  }

  /**
   * Gives the rest of the result.
   *
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Hashes in parts (C_DigestInit, C_DigestUpdate, C_DigestKey, C_DigestFinal). */
export class Digester extends Parts {
  static {
    newDigester = (session, key, mechanism) => new Digester(session, "digester", key, mechanism);
  }

  /**
   * Takes a part.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async update(chunk: BytesInput, options?: CallOptions): Promise<void> {
    await this.take(chunk, options);
  }

  /**
   * Takes the value of a secret key on the token (C_DigestKey).
   *
   * @param key A key of the token whose value may be hashed.
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the key is of another token.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async key(key: Pkcs11Object, options?: CallOptions): Promise<void> {
    await this.takeKey(key, options);
  }

  /**
   * Gives the hash.
   *
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Signs in parts (C_SignInit, C_SignUpdate, C_SignFinal). */
export class PartsSigner extends Parts {
  static {
    newPartsSigner = (session, key, mechanism) => new PartsSigner(session, "signer", key, mechanism);
  }

  /**
   * Takes a part.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async update(chunk: BytesInput, options?: CallOptions): Promise<void> {
    await this.take(chunk, options);
  }

  /**
   * Gives the signature.
   *
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Verifies in parts (C_VerifyInit, C_VerifyUpdate, C_VerifyFinal). */
export class PartsVerifier extends Parts {
  static {
    newPartsVerifier = (session, key, mechanism) => new PartsVerifier(session, "verifier", key, mechanism);
  }

  /**
   * Takes a part.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async update(chunk: BytesInput, options?: CallOptions): Promise<void> {
    await this.take(chunk, options);
  }

  /**
   * Whether the signature is right.
   *
   * @param signature The signature of all parts together.
   * @param options A signal that cancels the call; the operation ends with it.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the signature is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async final(signature: BytesInput, options?: CallOptions): Promise<boolean> {
    return await this.endWith(signature, options);
  }
}
