/** Keys and certificates of a session in the forms people have them. */
import { type AttributesInit, checkAttributes, compileTemplate } from "../attributes/attributes_init.ts";
import { keyHandle } from "./crypto_args.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../errors.ts";
import { readCertificate } from "../keys/forms/certificate.ts";
import { importCertificate, importKey, importKeyPair } from "../keys/create_keys.ts";
import { type AsymmetricMaterial, describeKey, hasPrivateHalf, type KeyMaterial } from "../keys/forms/key_material.ts";
import { chainOf } from "../keys/partners.ts";
import { type KeyInput, type Passphrase, type ReadKey, readKey, readKeySync } from "../keys/forms/read_key.ts";
import { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { coreOf } from "./session_base.ts";
import { SessionBulk } from "./session_bulk.ts";
import type { Pkcs11KeyPair } from "./session_keys.ts";
import { destroyLate, type FindOptions, newTemplate } from "./session_objects.ts";
import { checkOptions } from "../../ffi/engine/engine.ts";
import { discardObjects } from "../../ffi/operations/objects.ts";
import { type BytesInput, copyBytes } from "../../ffi/memory/inputs.ts";
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import { ckkName } from "../../ffi/constants/names.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import type { EncapsulatedKey } from "./session_keys.ts";
import type { Session } from "./session.ts";
import type { SessionCore } from "../core/session_core.ts";

/** How a key is brought in. */
export interface ImportKeyOptions extends CallOptions {
  /** What opens an encrypted key. */
  readonly passphrase?: Passphrase | undefined;
}

/** How a shared secret is made. */
export interface EncapsulateOptions extends CallOptions {
  /** Attributes of the key that comes of it. */
  readonly attributes?: AttributesInit | undefined;
  /**
   * The mechanism.
   *
   * @default that of the key's type: CKM_ML_KEM
   */
  readonly mechanism?: Mechanism | undefined;
}

/** Attributes shown in errors by value; of others only the name is. */
const SHOWN: readonly (keyof AttributesInit)[] = ["label", "class", "keyType", "id", "application", "token", "private"];

/** The part of {@linkcode Session} that brings keys and certificates in, and finds what belongs together. */
export abstract class SessionForms extends SessionBulk {
  /**
   * Brings a key into the token: its class and type come from the input. It is a session object unless `token: true` is
   * among the attributes; private and secret keys are private, sensitive and unextractable unless those say otherwise,
   * and may be used for all that fits their type unless those name a use. What was read is overwritten afterwards.
   *
   * @param key PEM, DER, a JSON Web Key or an extractable `CryptoKey`.
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no key; the message says which part is wrong.
   * @throws {Pkcs11Error} Where the token does not take it (C_CreateObject).
   *
   * @example Bring a PEM key into a token
   * ```ts
   * import type { Pkcs11Object, Session } from "@gp11/gp11";
   *
   * async function bringIn(session: Session, pem: string): Promise<Pkcs11Object> {
   *   return await session.importKey(pem, { token: true, label: "release 2027" });
   * }
   * ```
   */
  async importKey(
    key: KeyInput,
    attributes: AttributesInit = {},
    options: ImportKeyOptions = {},
  ): Promise<Pkcs11Object> {
    const core = this.#opened("import a key");
    const session = core.handle;
    const given = newTemplate(core, attributes);
    checkOptions(options);
    options.signal?.throwIfAborted();
    const read = await readKey(key, options.passphrase);
    try {
      const args = { session, material: read.material, attributes: given };
      return this.#wrap(await this.#opened("import a key").run(importKey, args, options, destroyLate(session)));
    } finally {
      read.wipe();
    }
  }

  /** {@linkcode SessionForms.importKey} in place; a `CryptoKey` can only be read by waiting. */
  importKeySync(key: KeyInput, attributes: AttributesInit = {}, options: ImportKeyOptions = {}): Pkcs11Object {
    const core = this.#opened("import a key");
    const given = newTemplate(core, attributes);
    checkOptions(options);
    options.signal?.throwIfAborted();
    const read = readKeySync(key, options.passphrase);
    try {
      const args = { session: core.handle, material: read.material, attributes: given };
      return this.#wrap(core.runSync(importKey, args, options));
    } finally {
      read.wipe();
    }
  }

  /**
   * Brings both halves of a private key into the token, as {@linkcode SessionForms.importKey} does. They have one CKA_ID:
   * the one given, else the SHA-1 of the public key's bits. When one half is refused, nothing of the other stays.
   *
   * @param key A private key; its public half is calculated where the input does not hold it.
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no private key.
   */
  async importKeyPair(
    key: KeyInput,
    publicAttributes: AttributesInit = {},
    privateAttributes: AttributesInit = {},
    options: ImportKeyOptions = {},
  ): Promise<Pkcs11KeyPair> {
    const core = this.#opened("import a key pair");
    const session = core.handle;
    const given = pairAttributes(core, publicAttributes, privateAttributes);
    checkOptions(options);
    options.signal?.throwIfAborted();
    const read = await readKey(key, options.passphrase);
    try {
      const args = { session, material: pairMaterial(read), ...given };
      const pair = await this.#opened("import a key pair").run(
        importKeyPair,
        args,
        options,
        (frame, made) => discardObjects(frame, session, [made.privateKey, made.publicKey]),
      );
      return { publicKey: this.#wrap(pair.publicKey), privateKey: this.#wrap(pair.privateKey) };
    } finally {
      read.wipe();
    }
  }

  /** {@linkcode SessionForms.importKeyPair} in place. */
  importKeyPairSync(
    key: KeyInput,
    publicAttributes: AttributesInit = {},
    privateAttributes: AttributesInit = {},
    options: ImportKeyOptions = {},
  ): Pkcs11KeyPair {
    const core = this.#opened("import a key pair");
    const given = pairAttributes(core, publicAttributes, privateAttributes);
    checkOptions(options);
    options.signal?.throwIfAborted();
    const read = readKeySync(key, options.passphrase);
    try {
      const args = { session: core.handle, material: pairMaterial(read), ...given };
      const pair = core.runSync(importKeyPair, args, options);
      return { publicKey: this.#wrap(pair.publicKey), privateKey: this.#wrap(pair.privateKey) };
    } finally {
      read.wipe();
    }
  }

  /**
   * Brings a certificate into the token, with subject, issuer, serial number and dates from it. Its CKA_ID is that of the
   * token's key with the same public key, else the SHA-1 of that key's bits, so that a key imported later meets it.
   *
   * @param certificate PEM or DER, one certificate.
   * @throws {TypeError} Where it is damaged or no certificate.
   */
  async importCertificate(
    certificate: string | BytesInput,
    attributes: AttributesInit = {},
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = this.#certificateArgs(certificate, attributes);
    return this.#wrap(await coreOf(this).run(importCertificate, args, options, destroyLate(args.session)));
  }

  /** {@linkcode SessionForms.importCertificate} in place. */
  importCertificateSync(
    certificate: string | BytesInput,
    attributes: AttributesInit = {},
    options?: CallOptions,
  ): Pkcs11Object {
    return this.#wrap(coreOf(this).runSync(importCertificate, this.#certificateArgs(certificate, attributes), options));
  }

  /**
   * A certificate and those of its issuers that the token has, the leaf first. Issuers are found by name and, where
   * several have it, by the key identifier (RFC 5280 §4.2.1.1); signatures are not checked.
   */
  async certificateChain(certificate: Pkcs11Object, options?: CallOptions): Promise<Pkcs11Object[]> {
    const chain = await coreOf(this).run(chainOf, this.#objectArgs("find the chain", certificate), options);
    return chain.map((handle) => this.#wrap(handle));
  }

  /** {@linkcode SessionForms.certificateChain} in place. */
  certificateChainSync(certificate: Pkcs11Object, options?: CallOptions): Pkcs11Object[] {
    const chain = coreOf(this).runSync(chainOf, this.#objectArgs("find the chain", certificate), options);
    return chain.map((handle) => this.#wrap(handle));
  }

  /**
   * The one object that has these attributes.
   *
   * @throws {ObjectNotFoundError} Where there is none.
   * @throws {ObjectAmbiguousError} Where there is more than one.
   */
  async findObject(match: AttributesInit, options?: FindOptions): Promise<Pkcs11Object> {
    const text = describeMatch(match);
    return onlyOne(await this.findObjects(match, options), text);
  }

  /** {@linkcode SessionForms.findObject} in place. */
  findObjectSync(match: AttributesInit, options?: FindOptions): Pkcs11Object {
    const text = describeMatch(match);
    return onlyOne(this.findObjectsSync(match, options), text);
  }

  /**
   * A shared secret for who has the private half, as a key, and the ciphertext that brings it there (C_EncapsulateKey,
   * PKCS#11 3.2; FIPS 203). The key is a sensitive, unextractable session object and a generic secret of 32 bytes unless
   * the attributes say otherwise; `{ keyType: CKK.AES }` alone makes an AES key of 32 bytes.
   *
   * @throws {TypeError} Where the key's type has no mechanism of its own: name it.
   */
  async encapsulate(publicKey: Pkcs11Object, options: EncapsulateOptions = {}): Promise<EncapsulatedKey> {
    this.#checkEncapsulation("encapsulate a key", publicKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation((await publicKey.get(["keyType"], call)).keyType);
    return await this.encapsulateKey(publicKey, own, sharedKey(attributes), call);
  }

  /** {@linkcode SessionForms.encapsulate} in place. */
  encapsulateSync(publicKey: Pkcs11Object, options: EncapsulateOptions = {}): EncapsulatedKey {
    this.#checkEncapsulation("encapsulate a key", publicKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation(publicKey.getSync(["keyType"], call).keyType);
    return this.encapsulateKeySync(publicKey, own, sharedKey(attributes), call);
  }

  /** The shared secret out of a ciphertext of {@linkcode SessionForms.encapsulate} (C_DecapsulateKey, PKCS#11 3.2). */
  async decapsulate(
    privateKey: Pkcs11Object,
    ciphertext: BytesInput,
    options: EncapsulateOptions = {},
  ): Promise<Pkcs11Object> {
    this.#checkEncapsulation("decapsulate a key", privateKey, options);
    const { attributes, mechanism, ...call } = options;
    const bytes = copyBytes(ciphertext, "a ciphertext");
    const own = mechanism ?? encapsulation((await privateKey.get(["keyType"], call)).keyType);
    return await this.decapsulateKey(privateKey, own, bytes, sharedKey(attributes), call);
  }

  /** {@linkcode SessionForms.decapsulate} in place. */
  decapsulateSync(privateKey: Pkcs11Object, ciphertext: BytesInput, options: EncapsulateOptions = {}): Pkcs11Object {
    this.#checkEncapsulation("decapsulate a key", privateKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation(privateKey.getSync(["keyType"], call).keyType);
    return this.decapsulateKeySync(privateKey, own, ciphertext, sharedKey(attributes), call);
  }

  #checkEncapsulation(action: string, key: Pkcs11Object, options: EncapsulateOptions): void {
    checkOptions(options);
    if (options.attributes !== undefined) checkAttributes(options.attributes);
    keyHandle(this.#opened(action), action, key);
  }

  #opened(action: string): SessionCore {
    const core = coreOf(this);
    core.assertFree(action);
    return core;
  }

  #certificateArgs(certificate: string | BytesInput, attributes: AttributesInit) {
    const core = this.#opened("import a certificate");
    return {
      session: core.handle,
      certificate: readCertificate(certificate),
      attributes: newTemplate(core, attributes),
    };
  }

  #objectArgs(action: string, object: Pkcs11Object) {
    const core = this.#opened(action);
    return { session: core.handle, object: keyHandle(core, action, object) };
  }

  #wrap(handle: bigint): Pkcs11Object {
    return new Pkcs11Object(this as unknown as Session, handle);
  }
}

/** The mechanism of a key's type. */
function encapsulation(keyType: number | bigint | undefined): number {
  if (Number(keyType) === CKK.ML_KEM) return CKM.ML_KEM;
  const name = keyType === undefined ? "of an unknown type" : ckkName(Number(keyType));
  throw new TypeError(`Cannot choose a mechanism to encapsulate with: the key is ${name}; name the mechanism`);
}

/** Bytes of an ML-KEM secret, whatever the parameter set (FIPS 203 §8). */
const SHARED_LENGTH = 32;

function sharedKey(attributes: AttributesInit = {}): AttributesInit {
  return {
    class: CKO.SECRET_KEY,
    keyType: CKK.GENERIC_SECRET,
    valueLen: SHARED_LENGTH,
    token: false,
    sensitive: true,
    extractable: false,
    ...attributes,
  };
}

function pairAttributes(core: SessionCore, publicAttributes: AttributesInit, privateAttributes: AttributesInit) {
  checkAttributes(publicAttributes);
  checkAttributes(privateAttributes);
  return {
    publicAttributes: newTemplate(core, { ...idOf(privateAttributes), ...publicAttributes }),
    privateAttributes: newTemplate(core, { ...idOf(publicAttributes), ...privateAttributes }),
  };
}

/** One half's CKA_ID is the other's too. */
function idOf({ id }: AttributesInit): AttributesInit {
  return id === undefined ? {} : { id };
}

function pairMaterial({ material }: ReadKey): AsymmetricMaterial {
  if (isPrivate(material)) return material;
  throw new TypeError(
    `Cannot import a key pair: the ${describeKey(material)} has no private half; importKey takes a single key`,
  );
}

function isPrivate(material: KeyMaterial): material is AsymmetricMaterial {
  return material.kind !== "secret" && hasPrivateHalf(material);
}

/**
 * What was looked for, in words: values of attributes that may be secret are not shown.
 *
 * @throws {TypeError} where it is no template
 */
function describeMatch(match: AttributesInit): string {
  compileTemplate(match);
  const parts = Object.entries(match).map(([name, value]) => {
    const isShown = SHOWN.some((shown) => shown === name);
    return isShown ? `${name} ${value instanceof Uint8Array ? value.toHex() : JSON.stringify(value, plain)}` : name;
  });
  return parts.length === 0 ? "no condition" : parts.join(", ");
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function onlyOne(found: readonly Pkcs11Object[], match: string): Pkcs11Object {
  if (found.length === 1) return found[0]!;
  throw found.length === 0 ? new ObjectNotFoundError(match) : new ObjectAmbiguousError(match, found.length);
}
