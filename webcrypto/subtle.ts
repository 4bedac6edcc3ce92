/**
 * The methods of SubtleCrypto, step by step as the specification has them (Web Cryptography §14.3): arguments, algorithm,
 * key, then the token.
 *
 * @module
 */
import { inspectable } from "../internal/inspection.ts";
import { keyUsages, type TokenCryptoKey, type TokenKeyUsage } from "./contract/crypto_key.ts";
import { refusal, type RefusalName, refusalOf } from "./contract/errors.ts";
import { type Family, type KeyForm, keyForms, type KeyUse } from "./contract/family.ts";
import type { Parameters } from "./contract/parameters.ts";
import type { TokenAccess } from "./contract/token_access.ts";
import { bufferSource, checkArguments, enforcedRange, enumerated, enumeratedSequence } from "./contract/web_idl.ts";
import type { WebCryptoJsonKey } from "./contract/web_types.ts";
import { jsonBytes, keyDataOf, parsedJson } from "./key_data.ts";
import { deriveOnToken, unwrapOnToken, wrapOnToken } from "./keys_on_token.ts";
import { checkUse, isOwn, type KeyArgument, keyArgument, onToken } from "./key_arguments.ts";
import { normalize, type Normalized, normalizeEither } from "./normalize.ts";
import { isOffered } from "./supports.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Runs what an algorithm does on the token; its errors get the names of the specification. */
async function named<T>(work: () => Promise<T>, otherwise?: RefusalName): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw refusalOf(error, otherwise);
  }
}

/** What the specification gives: a buffer that holds the bytes and nothing else. */
function bufferOf(bytes: Bytes): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}

function usagesOf(usages: unknown): readonly TokenKeyUsage[] {
  return enumeratedSequence(usages, keyUsages, "the usages");
}

function formOf(form: unknown): KeyForm {
  return enumerated(form, keyForms, "the form of a key");
}

function enforcedBits(length: unknown): number {
  return enforcedRange(length, "the length", 0xffff_ffff);
}

/** The operations of a token. */
export class Subtle {
  readonly #access: TokenAccess;

  constructor(access: TokenAccess) {
    this.#access = access;
  }

  get [Symbol.toStringTag](): string {
    return "SubtleCrypto";
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    checkArguments("encrypt", arguments.length, 3);
    const [given, bytes] = [keyArgument(key), bufferSource(data, "the data")];
    const { family, parameters } = normalize(this.#access, "encrypt", algorithm);
    checkUse(given, family.name, "encrypt");
    return bufferOf(await this.#with(given, parameters, (use) => family.encrypt!(use, bytes)));
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    checkArguments("decrypt", arguments.length, 3);
    const [given, bytes] = [keyArgument(key), bufferSource(data, "the data")];
    const { family, parameters } = normalize(this.#access, "decrypt", algorithm);
    checkUse(given, family.name, "decrypt");
    return bufferOf(await this.#with(given, parameters, (use) => family.decrypt!(use, bytes)));
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    checkArguments("sign", arguments.length, 3);
    const [given, bytes] = [keyArgument(key), bufferSource(data, "the data")];
    const { family, parameters } = normalize(this.#access, "sign", algorithm);
    checkUse(given, family.name, "sign");
    return bufferOf(await this.#with(given, parameters, (use) => family.sign!(use, bytes)));
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    checkArguments("verify", arguments.length, 4);
    const given = keyArgument(key);
    const [signed, bytes] = [bufferSource(signature, "the signature"), bufferSource(data, "the data")];
    const { family, parameters } = normalize(this.#access, "verify", algorithm);
    checkUse(given, family.name, "verify");
    return await this.#with(given, parameters, (use) => family.verify!(use, signed, bytes));
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    checkArguments("digest", arguments.length, 2);
    const bytes = bufferSource(data, "the data");
    const { family, parameters } = normalize(this.#access, "digest", algorithm);
    return bufferOf(await named(() => family.digest!(this.#access, parameters, bytes)));
  }

  async generateKey(algorithm: unknown, extractable: unknown, usages: unknown) {
    checkArguments("generateKey", arguments.length, 3);
    const wanted = usagesOf(usages);
    const { family, parameters } = normalize(this.#access, "generateKey", algorithm);
    const made = { access: this.#access, parameters, extractable: Boolean(extractable), usages: wanted };
    return await named(() => family.generateKey!(made));
  }

  async importKey(
    form: unknown,
    keyData: unknown,
    algorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<TokenCryptoKey> {
    checkArguments("importKey", arguments.length, 5);
    const wanted = formOf(form);
    const data = keyDataOf(wanted, keyData);
    const uses = usagesOf(usages);
    return await this.#import(
      normalize(this.#access, "importKey", algorithm),
      wanted,
      data,
      Boolean(extractable),
      uses,
    );
  }

  async #import(
    { family, parameters }: Normalized,
    form: KeyForm,
    data: Bytes | WebCryptoJsonKey,
    extractable: boolean,
    usages: readonly TokenKeyUsage[],
  ): Promise<TokenCryptoKey> {
    const given = { access: this.#access, parameters, extractable, usages, form, data };
    return await named(() => family.importKey!(given), "DataError");
  }

  async exportKey(form: unknown, key: unknown): Promise<ArrayBuffer | WebCryptoJsonKey> {
    checkArguments("exportKey", arguments.length, 2);
    const [wanted, given] = [formOf(form), keyArgument(key)];
    const exported = await this.#export(wanted, given);
    return exported instanceof Uint8Array ? bufferOf(exported) : exported;
  }

  /** A key as `exportKey` and `wrapKey` give it away. */
  async #export(form: KeyForm, given: KeyArgument): Promise<Bytes | WebCryptoJsonKey> {
    const { family } = normalize(this.#access, "exportKey", given.name);
    if (!given.extractable) throw refusal("InvalidAccessError", "Cannot export the key: it is not extractable");
    return await this.#with(given, { name: family.name }, ({ key }) => family.exportKey!(form, key));
  }

  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<ArrayBuffer> {
    checkArguments("deriveBits", arguments.length, 2);
    const given = keyArgument(baseKey);
    const bits = length === null ? null : enforcedBits(length);
    const { family, parameters } = normalize(this.#access, "deriveBits", algorithm);
    checkUse(given, family.name, "deriveBits");
    return bufferOf(await this.#derive(family, parameters, given, bits));
  }

  async #derive(family: Family, parameters: Parameters, given: KeyArgument, length: number | null): Promise<Bytes> {
    return await this.#withOther(given, parameters, (use) => family.deriveBits!(use, length));
  }

  async deriveKey(
    algorithm: unknown,
    baseKey: unknown,
    derivedKeyType: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<TokenCryptoKey> {
    checkArguments("deriveKey", arguments.length, 5);
    const [given, wanted] = [keyArgument(baseKey), usagesOf(usages)];
    const { family, parameters } = normalize(this.#access, "deriveBits", algorithm);
    const target = normalize(this.#access, "importKey", derivedKeyType);
    const sized = normalize(this.#access, "get key length", derivedKeyType);
    checkUse(given, family.name, "deriveKey");
    const length = sized.family.keyLength!(sized.parameters);
    const made = { ...target, access: this.#access, extractable: Boolean(extractable), usages: wanted };
    const derived = await this.#withOther(
      given,
      parameters,
      (use) => deriveOnToken(family, use, target.family, made, length),
    );
    if (derived !== null) return derived;
    const secret = await this.#derive(family, parameters, given, length);
    try {
      return await this.#import(target, "raw-secret", secret, Boolean(extractable), wanted);
    } finally {
      secret.fill(0);
    }
  }

  async wrapKey(form: unknown, key: unknown, wrappingKey: unknown, algorithm: unknown): Promise<ArrayBuffer> {
    checkArguments("wrapKey", arguments.length, 4);
    const [wanted, given, wrapping] = [formOf(form), keyArgument(key), keyArgument(wrappingKey, "the wrapping key")];
    const { family, parameters } = normalizeEither(this.#access, ["wrapKey", "encrypt"], algorithm);
    checkUse(wrapping, family.name, "wrapKey");
    const onlyThere = await this.#wrapThere(family, wrapping, wanted, given);
    if (onlyThere !== null) return bufferOf(onlyThere);
    const exported = await this.#export(wanted, given);
    const bytes = exported instanceof Uint8Array ? exported : jsonBytes(exported, family.wrapKey === undefined ? 1 : 8);
    try {
      return bufferOf(await this.#with(wrapping, parameters, (use) => (family.wrapKey ?? family.encrypt)!(use, bytes)));
    } finally {
      bytes.fill(0);
    }
  }

  /** Wraps an own key on the token; null where it has to be exported for it, or may not be. */
  async #wrapThere(family: Family, wrapping: KeyArgument, form: KeyForm, given: KeyArgument): Promise<Bytes | null> {
    const access = this.#access;
    if (!given.extractable || !isOwn(access, given)) return null;
    const target = normalize(access, "exportKey", given.name);
    return await this.#with(
      wrapping,
      { name: family.name },
      (use) => wrapOnToken(family, use, form, target.family, given.slots!),
    );
  }

  async unwrapKey(
    form: unknown,
    wrappedKey: unknown,
    unwrappingKey: unknown,
    unwrapAlgorithm: unknown,
    unwrappedKeyAlgorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<TokenCryptoKey> {
    checkArguments("unwrapKey", arguments.length, 7);
    const [wanted, wrapped] = [formOf(form), bufferSource(wrappedKey, "the wrapped key")];
    const unwrapping = keyArgument(unwrappingKey, "the unwrapping key");
    const uses = usagesOf(usages);
    const { family, parameters } = normalizeEither(this.#access, ["unwrapKey", "decrypt"], unwrapAlgorithm);
    const target = normalize(this.#access, "importKey", unwrappedKeyAlgorithm);
    checkUse(unwrapping, family.name, "unwrapKey");
    const made = { ...target, access: this.#access, extractable: Boolean(extractable), usages: uses };
    const onlyThere = await this.#with(
      unwrapping,
      parameters,
      (use) => unwrapOnToken(family, use, wanted, wrapped, target.family, made),
    );
    if (onlyThere !== null) return onlyThere;
    const bytes = await this.#with(
      unwrapping,
      parameters,
      (use) => (family.unwrapKey ?? family.decrypt)!(use, wrapped),
    );
    try {
      const data = wanted === "jwk" ? parsedJson(bytes) : bytes;
      return await this.#import(target, wanted, data, Boolean(extractable), uses);
    } finally {
      bytes.fill(0);
    }
  }

  async encapsulateBits(algorithm: unknown, encapsulationKey: unknown) {
    checkArguments("encapsulateBits", arguments.length, 2);
    const { ciphertext, sharedKey } = await this.#encapsulate(algorithm, encapsulationKey, "encapsulateBits");
    return { sharedKey: bufferOf(sharedKey), ciphertext: bufferOf(ciphertext) };
  }

  async encapsulateKey(
    algorithm: unknown,
    encapsulationKey: unknown,
    sharedKeyAlgorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ) {
    checkArguments("encapsulateKey", arguments.length, 5);
    const uses = usagesOf(usages);
    const target = () => normalize(this.#access, "importKey", sharedKeyAlgorithm);
    const made = await this.#encapsulate(algorithm, encapsulationKey, "encapsulateKey", target);
    try {
      const sharedKey = await this.#import(target(), "raw-secret", made.sharedKey, Boolean(extractable), uses);
      return { sharedKey, ciphertext: bufferOf(made.ciphertext) };
    } finally {
      made.sharedKey.fill(0);
    }
  }

  async #encapsulate(algorithm: unknown, key: unknown, usage: TokenKeyUsage, check: () => unknown = () => {}) {
    const given = keyArgument(key);
    const { family, parameters } = normalize(this.#access, "encapsulate", algorithm);
    check();
    checkUse(given, family.name, usage);
    return await this.#with(given, parameters, (use) => family.encapsulate!(use));
  }

  async decapsulateBits(algorithm: unknown, decapsulationKey: unknown, ciphertext: unknown): Promise<ArrayBuffer> {
    checkArguments("decapsulateBits", arguments.length, 3);
    return bufferOf(await this.#decapsulate(algorithm, decapsulationKey, ciphertext, "decapsulateBits"));
  }

  async decapsulateKey(
    algorithm: unknown,
    decapsulationKey: unknown,
    ciphertext: unknown,
    sharedKeyAlgorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<TokenCryptoKey> {
    checkArguments("decapsulateKey", arguments.length, 6);
    const uses = usagesOf(usages);
    const target = () => normalize(this.#access, "importKey", sharedKeyAlgorithm);
    const secret = await this.#decapsulate(algorithm, decapsulationKey, ciphertext, "decapsulateKey", target);
    try {
      return await this.#import(target(), "raw-secret", secret, Boolean(extractable), uses);
    } finally {
      secret.fill(0);
    }
  }

  async #decapsulate(
    algorithm: unknown,
    key: unknown,
    ciphertext: unknown,
    usage: TokenKeyUsage,
    check: () => unknown = () => {},
  ): Promise<Bytes> {
    const [given, bytes] = [keyArgument(key), bufferSource(ciphertext, "the ciphertext")];
    const { family, parameters } = normalize(this.#access, "decapsulate", algorithm);
    check();
    checkUse(given, family.name, usage);
    return await this.#with(given, parameters, (use) => family.decapsulate!(use, bytes));
  }

  async getPublicKey(key: unknown, usages: unknown): Promise<TokenCryptoKey> {
    checkArguments("getPublicKey", arguments.length, 2);
    const [given, uses] = [keyArgument(key), usagesOf(usages)];
    const { family } = normalize(this.#access, "exportKey", given.name);
    if (given.type === "secret") throw refusal("NotSupportedError", "Cannot get the public key: a secret key has none");
    if (given.type === "public") throw refusal("InvalidAccessError", "Cannot get the public key: the key is one");
    return await this.#with(given, { name: family.name }, (use) => family.publicKey!(use, uses));
  }

  supports(operation: unknown, algorithm: unknown, other: unknown = null): boolean {
    checkArguments("supports", arguments.length, 2);
    return isOffered(this.#access, String(operation), algorithm, other);
  }

  /** Uses a key on the token, and the other side's that its parameters may name. */
  async #withOther<T>(given: KeyArgument, parameters: Parameters, work: (use: KeyUse) => Promise<T>): Promise<T> {
    const other = parameters.public === undefined ? undefined : keyArgument(parameters.public, "`public`");
    return await this.#with(given, parameters, work, other);
  }

  /** Uses a key on the token, and the key of another side with it. */
  async #with<T>(
    given: KeyArgument,
    parameters: Parameters,
    work: (use: KeyUse) => Promise<T>,
    other?: KeyArgument,
  ): Promise<T> {
    const access = this.#access;
    try {
      const key = isOwn(access, given) ? given.slots! : await onToken(access, given);
      const peer = other === undefined ? undefined : await onToken(access, other);
      return await work({ access, key, parameters: peer === undefined ? parameters : { ...parameters, peer } });
    } catch (error) {
      throw refusalOf(error);
    }
  }
}

inspectable(Subtle, "TokenSubtleCrypto");
