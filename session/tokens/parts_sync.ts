/** The operations in parts that run in place. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import type { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { SyncParts } from "./parts.ts";
import type { Session } from "./session.ts";

/** Encrypts in parts (C_EncryptInit, C_EncryptUpdate, C_EncryptFinal). In place. */
export class SyncEncryptor extends SyncParts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "encryptor", key, mechanism);
  }

  /** Takes a part and gives what can be given of the result. */
  update(chunk: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.take(chunk, options);
  }

  /** Gives the rest of the result. */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Decrypts in parts (C_DecryptInit, C_DecryptUpdate, C_DecryptFinal). In place. */
export class SyncDecryptor extends SyncParts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "decryptor", key, mechanism);
  }

  /** Takes a part and gives what can be given of the result. */
  update(chunk: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.take(chunk, options);
  }

  /** Gives the rest of the result. */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Hashes in parts (C_DigestInit, C_DigestUpdate, C_DigestKey, C_DigestFinal). In place. */
export class SyncDigester extends SyncParts {
  /** Made by a session. */
  constructor(session: Session, mechanism: Mechanism) {
    super(session, "digester", null, mechanism);
  }

  /** Takes a part. */
  update(chunk: BytesInput, options?: CallOptions): void {
    this.take(chunk, options);
  }

  /** Takes the value of a secret key on the token (C_DigestKey). */
  key(key: Pkcs11Object, options?: CallOptions): void {
    this.takeKey(key, options);
  }

  /** Gives the hash. */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Signs in parts (C_SignInit, C_SignUpdate, C_SignFinal). In place. */
export class SyncPartsSigner extends SyncParts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "signer", key, mechanism);
  }

  /** Takes a part. */
  update(chunk: BytesInput, options?: CallOptions): void {
    this.take(chunk, options);
  }

  /** Gives the signature. */
  final(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.end(options);
  }
}

/** Verifies in parts (C_VerifyInit, C_VerifyUpdate, C_VerifyFinal). In place. */
export class SyncPartsVerifier extends SyncParts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "verifier", key, mechanism);
  }

  /** Takes a part. */
  update(chunk: BytesInput, options?: CallOptions): void {
    this.take(chunk, options);
  }

  /** Whether the signature is right. */
  final(signature: BytesInput, options?: CallOptions): boolean {
    return this.endWith(signature, options);
  }
}
