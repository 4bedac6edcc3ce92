/**
 * Keys with two halves: made, brought in and written in the forms of the Web Cryptography API. What the families say
 * differently they hand in as data.
 *
 * @module
 */
import type { AttributesInit } from "../../session/attributes/attributes_init.ts";
import { readDer } from "../../session/keys/forms/asn1.ts";
import { completeAsymmetric } from "../../session/keys/forms/check_key.ts";
import {
  type JsonWebKeyFields,
  readJsonWebKey,
  writeJsonWebKey,
  writePublicJsonWebKey,
} from "../../session/keys/forms/json_web_key.ts";
import { type AsymmetricMaterial, hasPrivateHalf, wipeKey } from "../../session/keys/forms/key_material.ts";
import { readPkcs8, readSpki } from "../../session/keys/forms/read_der.ts";
import { publicKeyBits, writePkcs8, writeSpki } from "../../session/keys/forms/write_der.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import {
  checkSomeUsage,
  checkUsages,
  type KeySlots,
  type TokenCryptoKey,
  type TokenCryptoKeyPair,
  type TokenKeyAlgorithm,
  type TokenKeyUsage,
} from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import type { Family, GivenKey, KeyForm, KeyUse, NewKey } from "../contract/family.ts";
import { bringIn, keyOf, placed, readOut, readPublic, secrecy, useTemplate } from "../contract/objects.ts";
import type { Parameters } from "../contract/parameters.ts";
import type { TokenAccess } from "../contract/token_access.ts";
import type { WebCryptoJsonKey } from "../contract/web_types.ts";
import { checkJsonWebKey, keyMembers } from "./json_web_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How the keys of a family are generated. */
export interface Generation {
  readonly mechanism: Mechanism;
  readonly publicAttributes: AttributesInit;
  readonly privateAttributes?: AttributesInit;
}

/** What a family of keys with two halves says of them. */
export interface AsymmetricKeys {
  readonly name: string;
  readonly publicUsages: readonly TokenKeyUsage[];
  readonly privateUsages: readonly TokenKeyUsage[];
  /** "kty" and "use" of their JSON Web Keys, and the member that makes one a private key. */
  readonly kty: "RSA" | "EC" | "OKP" | "AKP";
  readonly use: "sig" | "enc";
  readonly privateMember: "d" | "priv";
  /** Forms in which a public key is its bytes. */
  readonly rawForms: readonly KeyForm[];
  /**
   * The algorithm of a key with these parameters.
   *
   * @throws {DOMException} what the specification throws before a key is made
   */
  algorithm(parameters: Parameters): TokenKeyAlgorithm;
  /**
   * The algorithm of a key that was brought in.
   *
   * @throws {DOMException} DataError where it is none of the algorithm's
   */
  algorithmOf(material: AsymmetricMaterial, parameters: Parameters): TokenKeyAlgorithm;
  generation(parameters: Parameters, access: TokenAccess): Generation;
  /** Checks "crv" and "alg" of a JSON Web Key. */
  checkJsonWebKey(jwk: WebCryptoJsonKey, parameters: Parameters): void;
  /** "alg" of a key that is written. */
  jsonAlgorithm(algorithm: TokenKeyAlgorithm): string | undefined;
  /** Reads a public key that is its bytes. */
  readRaw?(bytes: Bytes, parameters: Parameters): AsymmetricMaterial;
  /** Reads a private key that is its seed. */
  readSeed?(bytes: Bytes, parameters: Parameters): AsymmetricMaterial;
}

/** Makes a pair. */
async function generatePair(keys: AsymmetricKeys, made: NewKey): Promise<TokenCryptoKeyPair> {
  const { access, extractable, parameters, usages } = made;
  checkUsages(usages, [...new Set([...keys.publicUsages, ...keys.privateUsages])], `a pair of ${keys.name}`);
  const algorithm = keys.algorithm(parameters);
  const [publicUsages, privateUsages] = [keys.publicUsages, keys.privateUsages].map((known) =>
    usages.filter((usage) => known.includes(usage))
  ) as [TokenKeyUsage[], TokenKeyUsage[]];
  checkSomeUsage(privateUsages);
  const { id, isKept, template } = placed(made);
  const { mechanism, privateAttributes, publicAttributes } = keys.generation(parameters, access);
  // NSS softokn tries each new pair, and makes none whose public half may not do its part.
  const tried = publicUsages.length === 0 ? keys.publicUsages : publicUsages;
  const pair = await access.use([], (session) =>
    session.generateKeyPair(
      mechanism,
      { ...template, private: false, ...publicAttributes, ...useTemplate(keys.publicUsages, tried) },
      { ...template, ...secrecy(extractable), ...privateAttributes, ...useTemplate(keys.privateUsages, privateUsages) },
    ));
  const about = { algorithm, extractable };
  return {
    publicKey: keyOf(access, pair.publicKey, id, isKept, {
      ...about,
      extractable: true,
      type: "public",
      usages: publicUsages,
    }),
    privateKey: keyOf(access, pair.privateKey, id, isKept, { ...about, type: "private", usages: privateUsages }),
  };
}

/** Brings a half in. */
async function importHalf(keys: AsymmetricKeys, given: GivenKey): Promise<TokenCryptoKey> {
  const material = read(keys, given);
  try {
    const { access, extractable, parameters, usages } = given;
    const algorithm = keys.algorithmOf(material, parameters);
    const isPrivate = hasPrivateHalf(material);
    if (isPrivate) checkSomeUsage(usages);
    const { id, isKept, template } = placed(given);
    const attributes: AttributesInit = isPrivate
      ? { ...template, ...secrecy(extractable), ...useTemplate(keys.privateUsages, usages) }
      : { ...template, private: false, ...useTemplate(keys.publicUsages, usages) };
    const object = await access.use([], (session) => bringIn(session, material, attributes));
    const about = isPrivate ? { type: "private", extractable } as const : { type: "public", extractable } as const;
    return keyOf(access, object, id, isKept, { ...about, algorithm, usages });
  } finally {
    wipeKey(material);
  }
}

/** Reads a key in the form it is in; its uses are checked first. */
function read(keys: AsymmetricKeys, { data, extractable, form, parameters, usages }: GivenKey): AsymmetricMaterial {
  const what = `a key of ${keys.name}`;
  if (form === "jwk") {
    const jwk = data as WebCryptoJsonKey & JsonWebKeyFields;
    const known = jwk[keys.privateMember] === undefined ? keys.publicUsages : keys.privateUsages;
    checkUsages(usages, known, what);
    checkJsonWebKey(jwk, { kty: keys.kty, use: keys.use, usages, extractable });
    keys.checkJsonWebKey(jwk, parameters);
    return completeAsymmetric(readJsonWebKey(jwk, "the key") as AsymmetricMaterial, "the key");
  }
  const bytes = data as Bytes;
  if (form === "spki") {
    checkUsages(usages, keys.publicUsages, what);
    return readSpki(readDer(bytes, "the key"), "the key");
  }
  if (form === "pkcs8" || form === "raw-seed" && keys.readSeed !== undefined) {
    checkUsages(usages, keys.privateUsages, what);
    const material = form === "pkcs8"
      ? readPkcs8(readDer(bytes, "the key"), "the key")
      : keys.readSeed!(bytes, parameters);
    return completeAsymmetric(material, "the key");
  }
  if (!keys.rawForms.includes(form) || keys.readRaw === undefined) throw unknownForm(keys.name, form);
  checkUsages(usages, keys.publicUsages, what);
  return keys.readRaw(bytes, parameters);
}

/** A form that keys of an algorithm do not have. */
export function unknownForm(name: string, form: KeyForm): DOMException {
  return refusal("NotSupportedError", `Cannot use the form "${form}": keys of ${name} do not have it`);
}

/** The public half of a private key, as a key of the session. */
async function publicHalf(
  keys: AsymmetricKeys,
  { access, key }: KeyUse,
  usages: readonly TokenKeyUsage[],
): Promise<TokenCryptoKey> {
  checkUsages(usages, keys.publicUsages, `a public key of ${keys.name}`);
  const { id, isKept, template } = placed({ access, parameters: { name: keys.name }, extractable: true, usages });
  const attributes = { ...template, private: false, ...useTemplate(keys.publicUsages, usages) };
  const object = await access.use(
    [key.held],
    async (session) => bringIn(session, await readPublic(session, key.object), attributes),
  );
  return keyOf(access, object, id, isKept, { type: "public", algorithm: key.algorithm, extractable: true, usages });
}

/** What every family of such keys does with them. */
export function keyOperations(
  keys: AsymmetricKeys,
): Pick<Family, "generateKey" | "importKey" | "describeKey" | "exportKey" | "publicKey"> {
  return {
    generateKey: (made) => generatePair(keys, made),
    importKey: (given) => importHalf(keys, given),
    describeKey(type, key, parameters) {
      if (key.kind === "bytes") throw refusal("DataError", `Cannot use the key with ${keys.name}: it is a secret key`);
      const usages = type === "public" ? keys.publicUsages : keys.privateUsages;
      return { algorithm: keys.algorithmOf(key, parameters), usages };
    },
    exportKey: (form, key) => exportHalf(keys, form, key),
    publicKey: (use, usages) => publicHalf(keys, use, usages),
  };
}

/** Writes a half. */
async function exportHalf(keys: AsymmetricKeys, form: KeyForm, key: KeySlots): Promise<Bytes | WebCryptoJsonKey> {
  const wanted = form === "pkcs8" || form === "raw-seed" && keys.readSeed !== undefined ? "private" : "public";
  if (form !== "jwk") {
    if (form !== "spki" && form !== "pkcs8" && wanted === "public" && !keys.rawForms.includes(form)) {
      throw unknownForm(keys.name, form);
    }
    if (key.type !== wanted) {
      throw refusal("InvalidAccessError", `Cannot export the key as "${form}": it is a ${key.type} key`);
    }
  }
  const material = await key.access.use(
    [key.held],
    (session): Promise<AsymmetricMaterial> =>
      key.type === "public"
        ? readPublic(session, key.object)
        : readOut(session, key.object) as Promise<AsymmetricMaterial>,
  );
  try {
    return written(keys, form, key, material);
  } finally {
    wipeKey(material);
  }
}

function written(
  keys: AsymmetricKeys,
  form: KeyForm,
  key: KeySlots,
  material: AsymmetricMaterial,
): Bytes | WebCryptoJsonKey {
  switch (form) {
    case "spki":
      return writeSpki(material);
    case "pkcs8":
      return writePkcs8(material);
    case "jwk": {
      const half = key.type === "public" ? writePublicJsonWebKey(material) : writeJsonWebKey(material);
      return {
        ...half as WebCryptoJsonKey,
        ...keyMembers(key.usages, key.extractable, keys.jsonAlgorithm(key.algorithm)),
      };
    }
    case "raw-seed": {
      const seed = material.kind === "post-quantum" ? material.seed : null;
      if (seed === null) throw refusal("OperationError", "Cannot export the seed: the token does not have it");
      return seed.slice();
    }
    default:
      return publicKeyBits(material).slice();
  }
}
