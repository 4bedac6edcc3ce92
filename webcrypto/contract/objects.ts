/**
 * Keys as objects of a token: the attributes that what a key is for becomes, and keys made, brought in and read.
 *
 * @module
 */
import { runtimeCrypto } from "../../internal/runtime.ts";
import { type AttributesInit, compileTemplate } from "../../session/attributes/attributes_init.ts";
import { importKey } from "../../session/keys/create_keys.ts";
import type { AsymmetricMaterial, KeyMaterial } from "../../session/keys/forms/key_material.ts";
import { publicMaterial } from "../../session/keys/partners.ts";
import { readSecretKey } from "../../session/keys/read_private.ts";
import { coreOf } from "../../session/tokens/session_contexts.ts";
import { Pkcs11Object } from "../../session/tokens/object.ts";
import { destroyLate } from "../../session/tokens/key_args.ts";
import type { Session } from "../../session/tokens/session.ts";
import { inOrder, type KeySlots, newKey, type TokenCryptoKey, type TokenKeyUsage } from "./crypto_key.ts";
import type { NewKey } from "./family.ts";
import type { TokenAccess } from "./token_access.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The attribute of each use. */
const ATTRIBUTES = {
  encrypt: "encrypt",
  decrypt: "decrypt",
  sign: "sign",
  verify: "verify",
  deriveKey: "derive",
  deriveBits: "derive",
  wrapKey: "wrap",
  unwrapKey: "unwrap",
  encapsulateKey: "encapsulate",
  encapsulateBits: "encapsulate",
  decapsulateKey: "decapsulate",
  decapsulateBits: "decapsulate",
} as const satisfies Readonly<Record<TokenKeyUsage, keyof AttributesInit>>;

/** An attribute that says what a key may be used for. */
export type UseAttribute = (typeof ATTRIBUTES)[TokenKeyUsage];

/** All of them. */
export const useAttributes: readonly UseAttribute[] = [...new Set(Object.values(ATTRIBUTES))];

/** A key that is wrapped as JSON is encrypted: keys that wrap have to encrypt, too. */
const IMPLIED: Readonly<Partial<Record<TokenKeyUsage, UseAttribute>>> = { wrapKey: "encrypt", unwrapKey: "decrypt" };

/** The attributes of a key with these uses, among those that keys of its kind have. */
export function useTemplate(known: readonly TokenKeyUsage[], usages: readonly TokenKeyUsage[]): AttributesInit {
  const template: Partial<Record<UseAttribute, boolean>> = {};
  for (const usage of known) template[ATTRIBUTES[usage]] ??= false;
  for (const usage of usages) {
    template[ATTRIBUTES[usage]] = true;
    const implied = IMPLIED[usage];
    if (implied !== undefined && implied in template) template[implied] = true;
  }
  return template;
}

/** The uses that attributes allow, among those that an algorithm has. */
export function allowedUsages(
  known: readonly TokenKeyUsage[],
  attributes: Readonly<Partial<Record<UseAttribute, boolean | undefined>>>,
): readonly TokenKeyUsage[] {
  return inOrder(known.filter((usage) => attributes[ATTRIBUTES[usage]] === true));
}

/** Where a key is to live. */
export function placed({ parameters }: NewKey): { template: AttributesInit; id: Bytes; isKept: boolean } {
  const { id, label, token: isKept = false } = parameters.token ?? {};
  const own = id ?? runtimeCrypto().getRandomValues(new Uint8Array(16));
  return { template: { token: isKept, id: own, ...label === undefined ? {} : { label } }, id: own, isKept };
}

/** Whether a key may leave its token, as attributes say it. */
export function secrecy(extractable: boolean): AttributesInit {
  return { private: true, sensitive: !extractable, extractable };
}

/** The `CryptoKey` of an object that was made for it. */
export function keyOf(
  access: TokenAccess,
  object: Pkcs11Object,
  id: Bytes,
  isKept: boolean,
  about: Pick<KeySlots, "type" | "algorithm" | "extractable" | "usages">,
): TokenCryptoKey {
  const held = isKept ? access.hold(object) : access.own(object, id);
  return newKey({ ...about, usages: inOrder(about.usages), access, object, held });
}

/** Brings a key in; a token that refuses to create it may unwrap it. What is secret in it is the caller's to wipe. */
export async function bringIn(
  session: Session,
  material: KeyMaterial,
  attributes: AttributesInit,
): Promise<Pkcs11Object> {
  const core = coreOf(session);
  core.assertFree("import a key");
  if (attributes.token !== true) core.reusable = false;
  const args = { session: core.handle, material, attributes: compileTemplate(attributes), unwrap: true };
  return new Pkcs11Object(session, await core.run(importKey, args, undefined, destroyLate(core.handle)));
}

/** Reads a key that may leave its token. */
export async function readOut(session: Session, { handle }: Pkcs11Object): Promise<KeyMaterial> {
  const core = coreOf(session);
  core.assertFree("export a key");
  return await core.run(readSecretKey, { session: core.handle, object: handle });
}

/** Reads the public half of a key. */
export async function readPublic(session: Session, { handle }: Pkcs11Object): Promise<AsymmetricMaterial> {
  const core = coreOf(session);
  core.assertFree("read a public key");
  return await core.run(publicMaterial, { session: core.handle, object: handle });
}
