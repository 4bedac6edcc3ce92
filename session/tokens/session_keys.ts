/** Keys of a session: generate, wrap, unwrap, derive, encapsulate. */
import { type BytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import { prepareMechanism } from "../../ffi/memory/mechanisms.ts";
import {
  decapsulateKey,
  deriveKey,
  type Encapsulated,
  encapsulateKey,
  generateKey,
  generateKeyPair,
  type KeyPairHandles,
  unwrapKey,
  wrapKey,
} from "../../ffi/operations/keys.ts";
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import { discardObjects } from "../../ffi/operations/objects.ts";
import type { AttributesInit } from "../attributes/attributes_init.ts";
import { keyHandle } from "./crypto_args.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { coreOf } from "./session_base.ts";
import { SessionCrypto } from "./session_crypto.ts";
import { destroyLate, newTemplate } from "./session_objects.ts";
import type { Session } from "./session.ts";

/** A public key and its private key. */
export interface Pkcs11KeyPair {
  /** The public key. */
  readonly publicKey: Pkcs11Object;
  /** The private key. */
  readonly privateKey: Pkcs11Object;
}

/** A shared secret and what carries it to the owner of the private key. */
export interface EncapsulatedKey {
  /** The shared secret, as a key on the token. */
  readonly key: Pkcs11Object;
  /** What {@linkcode SessionKeys.decapsulateKey} needs to get the same. */
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

/** How a key is wrapped or unwrapped. */
export interface WrapOptions extends CallOptions {
  /** Data that is authenticated with the wrapped key (C_WrapKeyAuthenticated, PKCS#11 3.2). */
  readonly associatedData?: BytesInput | undefined;
}

/** The CKK_ number of keys whose template names a parameter set, by the mechanism that generates them. */
const PARAMETERIZED: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  [CKM.ML_DSA_KEY_PAIR_GEN, CKK.ML_DSA],
  [CKM.ML_KEM_KEY_PAIR_GEN, CKK.ML_KEM],
  [CKM.SLH_DSA_KEY_PAIR_GEN, CKK.SLH_DSA],
]);

/** The part of {@linkcode Session} that makes keys. */
export abstract class SessionKeys extends SessionCrypto {
  /** Generates a secret key or domain parameters (C_GenerateKey). */
  async generateKey(mechanism: Mechanism, attributes: AttributesInit, options?: CallOptions): Promise<Pkcs11Object> {
    const args = this.#generateArgs(mechanism, attributes);
    return this.#key(await coreOf(this).run(generateKey, args, options, destroyLate(args.session)));
  }

  /** {@linkcode SessionKeys.generateKey} in place. */
  generateKeySync(mechanism: Mechanism, attributes: AttributesInit, options?: CallOptions): Pkcs11Object {
    return this.#key(coreOf(this).runSync(generateKey, this.#generateArgs(mechanism, attributes), options));
  }

  /** Generates a public and a private key (C_GenerateKeyPair). */
  async generateKeyPair(
    mechanism: Mechanism,
    publicAttributes: AttributesInit,
    privateAttributes: AttributesInit,
    options?: CallOptions,
  ): Promise<Pkcs11KeyPair> {
    const args = this.#pairArgs(mechanism, publicAttributes, privateAttributes);
    return this.#pair(
      await coreOf(this).run(
        generateKeyPair,
        args,
        options,
        (frame, pair) => discardObjects(frame, args.session, [pair.publicKey, pair.privateKey]),
      ),
    );
  }

  /** {@linkcode SessionKeys.generateKeyPair} in place. */
  generateKeyPairSync(
    mechanism: Mechanism,
    publicAttributes: AttributesInit,
    privateAttributes: AttributesInit,
    options?: CallOptions,
  ): Pkcs11KeyPair {
    return this.#pair(
      coreOf(this).runSync(generateKeyPair, this.#pairArgs(mechanism, publicAttributes, privateAttributes), options),
    );
  }

  /** Encrypts a key with another one, to leave the token (C_WrapKey). */
  async wrapKey(
    wrappingKey: Pkcs11Object,
    mechanism: Mechanism,
    key: Pkcs11Object,
    options?: WrapOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = this.#wrapArgs(wrappingKey, mechanism, key, options);
    return await coreOf(this).run(wrapKey, args, options);
  }

  /** {@linkcode SessionKeys.wrapKey} in place. */
  wrapKeySync(
    wrappingKey: Pkcs11Object,
    mechanism: Mechanism,
    key: Pkcs11Object,
    options?: WrapOptions,
  ): Uint8Array<ArrayBuffer> {
    return coreOf(this).runSync(wrapKey, this.#wrapArgs(wrappingKey, mechanism, key, options), options);
  }

  /** Makes a key of an encrypted one (C_UnwrapKey). */
  async unwrapKey(
    key: Pkcs11Object,
    mechanism: Mechanism,
    wrapped: BytesInput,
    attributes: AttributesInit,
    options?: WrapOptions,
  ): Promise<Pkcs11Object> {
    const args = this.#unwrapArgs(key, mechanism, wrapped, attributes, options);
    return this.#key(await coreOf(this).run(unwrapKey, args, options, destroyLate(args.session)));
  }

  /** {@linkcode SessionKeys.unwrapKey} in place. */
  unwrapKeySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    wrapped: BytesInput,
    attributes: AttributesInit,
    options?: WrapOptions,
  ): Pkcs11Object {
    return this.#key(
      coreOf(this).runSync(unwrapKey, this.#unwrapArgs(key, mechanism, wrapped, attributes, options), options),
    );
  }

  /** Derives a key from another one (C_DeriveKey). */
  async deriveKey(
    key: Pkcs11Object,
    mechanism: Mechanism,
    attributes: AttributesInit,
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = this.#deriveArgs("derive a key", key, mechanism, attributes);
    return this.#key(await coreOf(this).run(deriveKey, args, options, destroyLate(args.session)));
  }

  /** {@linkcode SessionKeys.deriveKey} in place. */
  deriveKeySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    attributes: AttributesInit,
    options?: CallOptions,
  ): Pkcs11Object {
    return this.#key(
      coreOf(this).runSync(deriveKey, this.#deriveArgs("derive a key", key, mechanism, attributes), options),
    );
  }

  /** Makes a shared secret for the owner of a public key (C_EncapsulateKey, PKCS#11 3.2). */
  async encapsulateKey(
    publicKey: Pkcs11Object,
    mechanism: Mechanism,
    attributes: AttributesInit,
    options?: CallOptions,
  ): Promise<EncapsulatedKey> {
    const args = this.#deriveArgs("encapsulate a key", publicKey, mechanism, attributes);
    return this.#encapsulated(
      await coreOf(this).run(
        encapsulateKey,
        args,
        options,
        (frame, made) => discardObjects(frame, args.session, [made.key]),
      ),
    );
  }

  /** {@linkcode SessionKeys.encapsulateKey} in place. */
  encapsulateKeySync(
    publicKey: Pkcs11Object,
    mechanism: Mechanism,
    attributes: AttributesInit,
    options?: CallOptions,
  ): EncapsulatedKey {
    return this.#encapsulated(
      coreOf(this).runSync(
        encapsulateKey,
        this.#deriveArgs("encapsulate a key", publicKey, mechanism, attributes),
        options,
      ),
    );
  }

  /** Gets the shared secret out of a ciphertext (C_DecapsulateKey, PKCS#11 3.2). */
  async decapsulateKey(
    privateKey: Pkcs11Object,
    mechanism: Mechanism,
    ciphertext: BytesInput,
    attributes: AttributesInit,
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = this.#decapsulateArgs(privateKey, mechanism, ciphertext, attributes);
    return this.#key(await coreOf(this).run(decapsulateKey, args, options, destroyLate(args.session)));
  }

  /** {@linkcode SessionKeys.decapsulateKey} in place. */
  decapsulateKeySync(
    privateKey: Pkcs11Object,
    mechanism: Mechanism,
    ciphertext: BytesInput,
    attributes: AttributesInit,
    options?: CallOptions,
  ): Pkcs11Object {
    return this.#key(
      coreOf(this).runSync(
        decapsulateKey,
        this.#decapsulateArgs(privateKey, mechanism, ciphertext, attributes),
        options,
      ),
    );
  }

  #generateArgs(mechanism: Mechanism, attributes: AttributesInit) {
    const core = coreOf(this);
    core.assertOpen("generate a key");
    return {
      session: core.handle,
      mechanism: prepareMechanism(mechanism),
      attributes: newTemplate(core, attributes),
    };
  }

  #pairArgs(mechanism: Mechanism, publicAttributes: AttributesInit, privateAttributes: AttributesInit) {
    const core = coreOf(this);
    core.assertOpen("generate a key pair");
    const keyType = PARAMETERIZED.get(typeof mechanism === "number" ? mechanism : mechanism?.type);
    return {
      session: core.handle,
      mechanism: prepareMechanism(mechanism),
      publicAttributes: newTemplate(core, publicAttributes, keyType),
      privateAttributes: newTemplate(core, privateAttributes, keyType),
    };
  }

  #wrapArgs(wrappingKey: Pkcs11Object, mechanism: Mechanism, key: Pkcs11Object, options: WrapOptions | undefined) {
    const core = coreOf(this);
    core.assertFree("wrap a key");
    return {
      session: core.handle,
      mechanism: prepareMechanism(mechanism),
      wrappingKey: keyHandle(core, "wrap a key", wrappingKey),
      key: keyHandle(core, "wrap a key", key),
      associatedData: associated(options),
    };
  }

  #unwrapArgs(
    key: Pkcs11Object,
    mechanism: Mechanism,
    wrapped: BytesInput,
    attributes: AttributesInit,
    options: WrapOptions | undefined,
  ) {
    const core = coreOf(this);
    core.assertFree("unwrap a key");
    return {
      session: core.handle,
      mechanism: prepareMechanism(mechanism),
      unwrappingKey: keyHandle(core, "unwrap a key", key),
      wrapped: viewBytes(wrapped, "a wrapped key"),
      attributes: newTemplate(core, attributes),
      associatedData: associated(options),
    };
  }

  #deriveArgs(action: string, key: Pkcs11Object, mechanism: Mechanism, attributes: AttributesInit) {
    const core = coreOf(this);
    core.assertFree(action);
    return {
      session: core.handle,
      mechanism: prepareMechanism(mechanism),
      key: keyHandle(core, action, key),
      attributes: newTemplate(core, attributes),
    };
  }

  #decapsulateArgs(key: Pkcs11Object, mechanism: Mechanism, ciphertext: BytesInput, attributes: AttributesInit) {
    return {
      ...this.#deriveArgs("decapsulate a key", key, mechanism, attributes),
      ciphertext: viewBytes(ciphertext, "a ciphertext"),
    };
  }

  #key(handle: bigint): Pkcs11Object {
    return new Pkcs11Object(this as unknown as Session, handle);
  }

  #pair({ publicKey, privateKey }: KeyPairHandles): Pkcs11KeyPair {
    return { publicKey: this.#key(publicKey), privateKey: this.#key(privateKey) };
  }

  #encapsulated({ key, ciphertext }: Encapsulated): EncapsulatedKey {
    return { key: this.#key(key), ciphertext };
  }
}

function associated(options: WrapOptions | undefined): Uint8Array | null {
  return options?.associatedData === undefined ? null : viewBytes(options.associatedData, "associated data");
}
