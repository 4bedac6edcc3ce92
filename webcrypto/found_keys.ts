/**
 * Keys that are on a token already: what they are, and what their attributes allow.
 *
 * @module
 */
import { CKK, CKO } from "../ffi/constants/mod.ts";
import { type AttributesInit, templateInit, type TemplateInput } from "../session/attributes/attributes_init.ts";
import { curveByName, parameterSetByName } from "../session/attributes/named_parameters.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../session/errors.ts";
import { objectTemplate } from "../session/find_by_uri.ts";
import type { AsymmetricMaterial } from "../session/keys/forms/key_material.ts";
import { isSameKey } from "../session/keys/read_public.ts";
import type { HashName } from "../session/mechanisms/hash.ts";
import { describeMatch } from "../session/tokens/form_args.ts";
import { Pkcs11Object } from "../session/tokens/object.ts";
import type { Session } from "../session/tokens/session.ts";
import { Pkcs11Uri } from "../session/uri/mod.ts";
import {
  newKey,
  slotsOf,
  type TokenCryptoKey,
  type TokenCryptoKeyPair,
  type TokenKeyUsage,
} from "./contract/crypto_key.ts";
import { refusal } from "./contract/errors.ts";
import type { KeyDescription } from "./contract/family.ts";
import { allowedUsages, bringIn, keyOf, placed, readPublic, useAttributes, useTemplate } from "./contract/objects.ts";
import type { TokenAccess } from "./contract/token_access.ts";
import { isSupported, normalize } from "./normalize.ts";

/** A key by its URI, its attributes, or as an object that was found. */
export type KeyMatch = string | TemplateInput | Pkcs11Object;

/** What a caller says of a key that is on the token. */
export interface Claim {
  readonly algorithm: unknown;
  readonly usages: readonly TokenKeyUsage[] | undefined;
}

const ABOUT = [
  "class",
  "keyType",
  "id",
  "namedCurve",
  "modulus",
  "publicExponent",
  "parameterSet",
  "valueLen",
  "extractable",
  "sensitive",
  ...useAttributes,
] as const;

async function about(object: Pkcs11Object) {
  return await object.get(ABOUT);
}

/** What is read of a key. */
type About = Awaited<ReturnType<typeof about>>;

/** The template that a match means. */
async function templateOf(access: TokenAccess, match: string | TemplateInput): Promise<AttributesInit> {
  if (typeof match !== "string") return templateInit(match);
  const uri = Pkcs11Uri.parse(match);
  if (uri.unrecognized || !uri.matchToken(await access.slot.tokenInfo())) {
    throw new ObjectNotFoundError(`the URI ${uri.format().split("?")[0]} on this token`, "find the key");
  }
  return objectTemplate(uri);
}

const KEY_CLASSES: ReadonlySet<number> = new Set([CKO.PUBLIC_KEY, CKO.PRIVATE_KEY, CKO.SECRET_KEY]);

/** The one key that matches; where both halves of a pair do it is the private one. */
async function only(session: Session, template: AttributesInit): Promise<Pkcs11Object> {
  const found = await session.findObjects(template, { read: ["class"] });
  const keys = found.filter((object) => KEY_CLASSES.has(Number(object.attributes!.get("class"))));
  const own = keys.filter((object) => Number(object.attributes!.get("class")) !== CKO.PUBLIC_KEY);
  const chosen = keys.length > 1 ? own : keys;
  if (chosen.length === 1) return chosen[0]!;
  const text = describeMatch(template);
  throw keys.length === 0 ? new ObjectNotFoundError(text, "find the key") : new ObjectAmbiguousError(text, keys.length);
}

/** A key of a token as a `CryptoKey`. */
export async function findKey(access: TokenAccess, match: KeyMatch, claim: Claim): Promise<TokenCryptoKey> {
  if (match instanceof Pkcs11Object) {
    if (!match.session.slot.equals(access.slot)) {
      throw new TypeError("Cannot use the object as a key: it is on another token");
    }
    // In a session of the pool: that of the object may be closed while the key is used.
    return await access.use([], async (session) => {
      const object = new Pkcs11Object(session, match.handle);
      return describe(access, object, await about(object), claim);
    });
  }
  const template = await templateOf(access, match);
  return await access.use([], async (session) => {
    const object = await only(session, template);
    return describe(access, object, await about(object), claim);
  });
}

/** A private key and its public half, which is brought in where the token has it in a certificate only. */
export async function findPair(access: TokenAccess, match: KeyMatch, claim: Claim): Promise<TokenCryptoKeyPair> {
  const template = match instanceof Pkcs11Object
    ? null
    : { ...await templateOf(access, match), class: CKO.PRIVATE_KEY };
  const privateUsages = claim.usages?.filter((usage) => !/^(verify|encrypt|wrapKey|encapsulate)/.test(usage));
  const privateKey = await findKey(access, template ?? match, { ...claim, usages: privateUsages });
  const { algorithm, object, type } = slotsOf(privateKey)!;
  if (type !== "private") throw new TypeError("Cannot find the pair: the object is no private key");
  const { family, parameters } = normalize(access, "importKey", algorithm);
  return await access.use([], async (session) => {
    const material = await readPublic(session, object);
    const { usages: known } = family.describeKey!("public", material, parameters);
    const usages = claim.usages?.filter((usage) => known.includes(usage));
    const { id } = await object.get(["id"]);
    const own = await publicObject(session, id, material);
    if (own !== null) {
      return { privateKey, publicKey: describe(access, own, await about(own), { algorithm, usages }) };
    }
    const made = { access, parameters: { name: family.name }, extractable: true, usages: usages ?? known };
    const place = placed(made);
    const attributes = { ...place.template, private: false, ...useTemplate(known, made.usages) };
    const brought = await bringIn(session, material, attributes);
    const publicAbout = { type: "public", algorithm, extractable: true, usages: made.usages } as const;
    return { privateKey, publicKey: keyOf(access, brought, place.id, false, publicAbout) };
  });
}

async function publicObject(
  session: Session,
  id: Uint8Array<ArrayBuffer> | undefined,
  material: AsymmetricMaterial,
): Promise<Pkcs11Object | null> {
  if (id === undefined || id.length === 0) return null;
  for (const object of await session.findObjects({ class: CKO.PUBLIC_KEY, id })) {
    if (isSameKey(await readPublic(session, object), material)) return object;
  }
  return null;
}

/** What an object is, as far as its attributes tell. */
function materialOf(read: About): KeyDescription {
  const { keyType, modulus, namedCurve, parameterSetName, publicExponent, valueLen } = read;
  if (Number(read.class) === CKO.SECRET_KEY) {
    return { kind: "bytes", keyType: Number(keyType), length: Number(valueLen) };
  }
  if (namedCurve !== undefined) {
    return { kind: "curve", curve: curveByName(namedCurve)!, publicKey: null, privateKey: null };
  }
  if (modulus !== undefined) {
    const exponent = publicExponent ?? Uint8Array.of(1, 0, 1);
    return { kind: "RSA", modulus, publicExponent: exponent, privateNumbers: null };
  }
  const set = parameterSetName === undefined ? undefined : parameterSetByName(parameterSetName);
  if (set !== undefined) return { kind: "post-quantum", set, publicKey: null, seed: null, privateKey: null };
  throw refusal("NotSupportedError", "Cannot use the object as a key: Web Cryptography has no such keys");
}

/** Types of keys that are for HMAC with one digest. */
const HMAC_TYPES: ReadonlyMap<number, HashName> = new Map([
  [CKK.SHA_1_HMAC, "SHA-1"],
  [CKK.SHA256_HMAC, "SHA-256"],
  [CKK.SHA384_HMAC, "SHA-384"],
  [CKK.SHA512_HMAC, "SHA-512"],
]);

/** The algorithm that a key is most likely for. */
function likely(access: TokenAccess, material: KeyDescription, read: About): object {
  switch (material.kind) {
    case "RSA": {
      const name = read.sign === true || read.verify === true ? "RSASSA-PKCS1-v1_5" : "RSA-OAEP";
      return { name, hash: "SHA-256" };
    }
    case "curve": {
      const { keyType, name } = material.curve;
      if (keyType !== CKK.EC) return { name };
      return { name: read.sign === true || read.verify === true ? "ECDSA" : "ECDH", namedCurve: name };
    }
    case "post-quantum":
      return { name: material.set.name };
    case "bytes":
      return likelySecret(access, material.keyType, read);
  }
}

function likelySecret(access: TokenAccess, keyType: number, read: About): object {
  if (keyType === CKK.CHACHA20) return { name: "ChaCha20-Poly1305" };
  if (keyType === CKK.AES) {
    if (read.encrypt !== true && read.decrypt !== true) return { name: "AES-KW" };
    return { name: isSupported(access, "importKey", "AES-GCM") ? "AES-GCM" : "AES-CBC" };
  }
  if (read.sign !== true && read.verify !== true && read.derive === true) return { name: "HKDF" };
  return { name: "HMAC", hash: HMAC_TYPES.get(keyType) ?? "SHA-256" };
}

const TYPES: ReadonlyMap<number, "public" | "private" | "secret"> = new Map([
  [CKO.PUBLIC_KEY, "public"],
  [CKO.PRIVATE_KEY, "private"],
  [CKO.SECRET_KEY, "secret"],
]);

function describe(access: TokenAccess, object: Pkcs11Object, read: About, claim: Claim): TokenCryptoKey {
  const type = TYPES.get(Number(read.class));
  if (type === undefined) throw new TypeError("Cannot use the object as a key: it is none");
  const material = materialOf(read);
  const { family, parameters } = normalize(access, "importKey", claim.algorithm ?? likely(access, material, read));
  const { algorithm, usages: known } = family.describeKey!(type, material, parameters);
  const allowed = allowedUsages(known, read);
  const other = claim.usages?.find((usage) => !allowed.includes(usage));
  if (other !== undefined) {
    throw refusal(
      "InvalidAccessError",
      `Cannot use the key to "${other}": it allows ${allowed.join(", ") || "nothing"}`,
    );
  }
  const extractable = type === "public" || read.extractable === true && read.sensitive !== true;
  const usages = claim.usages ?? allowed;
  return keyOf(access, object, new Uint8Array(0), true, { type, algorithm, extractable, usages });
}

/** A copy of a key that stays on the token. */
export async function storeKey(
  access: TokenAccess,
  key: TokenCryptoKey,
  attributes: AttributesInit,
): Promise<TokenCryptoKey> {
  const slots = slotsOf(key)!;
  placed({
    ...slots,
    access,
    parameters: { name: slots.algorithm.name, token: { token: true, label: undefined, id: undefined } },
  });
  const object = await access.use(
    [slots.held],
    (session) => session.copyObject(slots.object, { ...attributes, token: true }),
  );
  return newKey({ ...slots, access, object, held: access.hold(object) });
}
