/** The operations in parts that are awaited. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import type { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { Parts } from "./parts.ts";
import type { Session } from "./session.ts";

/** Encrypts in parts (C_EncryptInit, C_EncryptUpdate, C_EncryptFinal). */
export class Encryptor extends Parts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "encryptor", key, mechanism);
  }

  /** Takes a part and gives what can be given of the result. */
  async update(chunk: BytesInput, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.take(chunk, options);
  }

  /** Gives the rest of the result. */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Decrypts in parts (C_DecryptInit, C_DecryptUpdate, C_DecryptFinal). */
export class Decryptor extends Parts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "decryptor", key, mechanism);
  }

  /** Takes a part and gives what can be given of the result. */
  async update(chunk: BytesInput, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.take(chunk, options);
  }

  /** Gives the rest of the result. */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Hashes in parts (C_DigestInit, C_DigestUpdate, C_DigestKey, C_DigestFinal). */
export class Digester extends Parts {
  /** Made by a session. */
  constructor(session: Session, mechanism: Mechanism) {
    super(session, "digester", null, mechanism);
  }

  /** Takes a part. */
  async update(chunk: BytesInput, options?: CallOptions): Promise<void> {
    await this.take(chunk, options);
  }

  /** Takes the value of a secret key on the token (C_DigestKey). */
  async key(key: Pkcs11Object, options?: CallOptions): Promise<void> {
    await this.takeKey(key, options);
  }

  /** Gives the hash. */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Signs in parts (C_SignInit, C_SignUpdate, C_SignFinal). */
export class PartsSigner extends Parts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "signer", key, mechanism);
  }

  /** Takes a part. */
  async update(chunk: BytesInput, options?: CallOptions): Promise<void> {
    await this.take(chunk, options);
  }

  /** Gives the signature. */
  async final(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.end(options);
  }
}

/** Verifies in parts (C_VerifyInit, C_VerifyUpdate, C_VerifyFinal). */
export class PartsVerifier extends Parts {
  /** Made by a session. */
  constructor(session: Session, key: Pkcs11Object, mechanism: Mechanism) {
    super(session, "verifier", key, mechanism);
  }

  /** Takes a part. */
  async update(chunk: BytesInput, options?: CallOptions): Promise<void> {
    await this.take(chunk, options);
  }

  /** Whether the signature is right. */
  async final(signature: BytesInput, options?: CallOptions): Promise<boolean> {
    return await this.endWith(signature, options);
  }
}
