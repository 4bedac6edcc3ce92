/** The operations in parts that run in place. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { type PartsMaker, SyncParts } from "./parts.ts";

/** Makes an encryptor. */
export let newSyncEncryptor: PartsMaker<SyncEncryptor>;
/** Makes a decryptor. */
export let newSyncDecryptor: PartsMaker<SyncDecryptor>;
/** Makes a digester. */
export let newSyncDigester: PartsMaker<SyncDigester>;
/** Makes a signer. */
export let newSyncPartsSigner: PartsMaker<SyncPartsSigner>;
/** Makes a verifier. */
export let newSyncPartsVerifier: PartsMaker<SyncPartsVerifier>;

/** Encrypts in parts (C_EncryptInit, C_EncryptUpdate, C_EncryptFinal). In place. */
export class SyncEncryptor extends SyncParts {
  static {
    newSyncEncryptor = (session, key, mechanism) => new SyncEncryptor(session, "encryptor", key, mechanism);
  }

  /**
   * Takes a part and gives what can be given of the result.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  update(chunk: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.take(chunk, options);
  }

  /**
   * Gives the rest of the result.
   *
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Decrypts in parts (C_DecryptInit, C_DecryptUpdate, C_DecryptFinal). In place. */
export class SyncDecryptor extends SyncParts {
  static {
    newSyncDecryptor = (session, key, mechanism) => new SyncDecryptor(session, "decryptor", key, mechanism);
  }

  /**
   * Takes a part and gives what can be given of the result.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  update(chunk: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.take(chunk, options);
  }

  /**
   * Gives the rest of the result.
   *
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Hashes in parts (C_DigestInit, C_DigestUpdate, C_DigestKey, C_DigestFinal). In place. */
export class SyncDigester extends SyncParts {
  static {
    newSyncDigester = (session, key, mechanism) => new SyncDigester(session, "digester", key, mechanism);
  }

  /**
   * Takes a part.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  update(chunk: BytesInput, options?: CallOptions): void {
    this.take(chunk, options);
  }

  /**
   * Takes the value of a secret key on the token (C_DigestKey).
   *
   * @param key A key of the token whose value may be hashed.
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the key is of another token.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  key(key: Pkcs11Object, options?: CallOptions): void {
    this.takeKey(key, options);
  }

  /**
   * Gives the hash.
   *
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Signs in parts (C_SignInit, C_SignUpdate, C_SignFinal). In place. */
export class SyncPartsSigner extends SyncParts {
  static {
    newSyncPartsSigner = (session, key, mechanism) => new SyncPartsSigner(session, "signer", key, mechanism);
  }

  /**
   * Takes a part.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  update(chunk: BytesInput, options?: CallOptions): void {
    this.take(chunk, options);
  }

  /**
   * Gives the signature.
   *
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Verifies in parts (C_VerifyInit, C_VerifyUpdate, C_VerifyFinal). In place. */
export class SyncPartsVerifier extends SyncParts {
  static {
    newSyncPartsVerifier = (session, key, mechanism) => new SyncPartsVerifier(session, "verifier", key, mechanism);
  }

  /**
   * Takes a part.
   *
   * @param chunk The next part: bytes of any length.
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the part is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  update(chunk: BytesInput, options?: CallOptions): void {
    this.take(chunk, options);
  }

  /**
   * Whether the signature is right.
   *
   * @param signature The signature of all parts together.
   * @param options A signal, looked at before each native call; where it is aborted, the operation has ended.
   * @throws {Pkcs11Error} What the token answers; the operation has ended then.
   * @throws {TypeError} When the operation has ended, or the signature is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session; the operation goes on after it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  final(signature: BytesInput, options?: CallOptions): boolean {
    return this.endWith(signature, options);
  }
}
