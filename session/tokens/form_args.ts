/** What keys and certificates in the forms people have them are brought in and found with. */
import { CKF, CKK, CKM, CKO, CKS } from "../../ffi/constants/mod.ts";
import { ckkName, ckoName } from "../../ffi/constants/names.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import type { ArgsOf } from "../../ffi/engine/program.ts";
import { type BytesInput, describeType } from "../../ffi/memory/inputs.ts";
import {
  type AttributesInit,
  compileTemplate,
  templateInit,
  type TemplateInput,
} from "../attributes/attributes_init.ts";
import type { SessionInfo, TokenInfo } from "../core/infos.ts";
import type { SessionCore } from "../core/session_core.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../errors.ts";
import type { importCertificate, importKey, importKeyPair } from "../keys/create_keys.ts";
import { readCertificate } from "../keys/forms/certificate.ts";
import { type AsymmetricMaterial, describeKey, hasPrivateHalf, type KeyMaterial } from "../keys/forms/key_material.ts";
import type { ReadKey } from "../keys/forms/read_key.ts";
import type { chainOf } from "../keys/partners.ts";
import { keyHandle } from "./crypto_args.ts";
import type { Pkcs11Object } from "./object.ts";
import { newTemplate } from "./key_args.ts";
import type { EncapsulateOptions, ImportKeyOptions } from "./options.ts";

/** Attributes shown in errors by value; of others only the name is. */
const SHOWN: readonly (keyof AttributesInit)[] = ["label", "class", "keyType", "id", "application", "token", "private"];

/** Checks what a shared secret is made with. */
export function checkEncapsulation(
  core: SessionCore,
  action: string,
  key: Pkcs11Object,
  options: EncapsulateOptions,
): void {
  checkOptions(options);
  if (options.attributes !== undefined) templateInit(options.attributes);
  core.assertFree(action);
  keyHandle(core, action, key);
}

/** A key to bring in: all but the key itself is checked at once, which is read afterwards. */
export function importArgs(
  core: SessionCore,
  attributes: TemplateInput,
  options: ImportKeyOptions,
): (read: ReadKey) => ArgsOf<typeof importKey> {
  core.assertFree("import a key");
  const given = newTemplate(core, attributes);
  const unwrap = checkImport(options);
  return ({ material }: ReadKey) => ({ session: core.handle, material, attributes: given, unwrap });
}

/** Both halves of a key to bring in, as {@linkcode importArgs}. */
export function importPairArgs(
  core: SessionCore,
  publicAttributes: TemplateInput,
  privateAttributes: TemplateInput,
  options: ImportKeyOptions,
): (read: ReadKey) => ArgsOf<typeof importKeyPair> {
  core.assertFree("import a key pair");
  const given = pairAttributes(core, publicAttributes, privateAttributes);
  const unwrap = checkImport(options);
  return (read: ReadKey) => ({ session: core.handle, material: pairMaterial(read), ...given, unwrap });
}

/** A certificate to bring in. */
export function certificateArgs(
  core: SessionCore,
  certificate: string | BytesInput,
  attributes: TemplateInput,
): ArgsOf<typeof importCertificate> {
  core.assertFree("import a certificate");
  return {
    session: core.handle,
    certificate: readCertificate(certificate),
    attributes: newTemplate(core, attributes),
  };
}

/** An object to look from. */
export function objectArgs(core: SessionCore, action: string, object: Pkcs11Object): ArgsOf<typeof chainOf> {
  core.assertFree(action);
  return { session: core.handle, object: keyHandle(core, action, object) };
}

/** The mechanism of a key's type. */
export function encapsulation(keyType: number | bigint | undefined): number {
  if (Number(keyType) === CKK.ML_KEM) return CKM.ML_KEM;
  const name = keyType === undefined ? "of an unknown type" : ckkName(Number(keyType));
  throw new TypeError(`Cannot choose a mechanism to encapsulate with: the key is ${name}; name the mechanism`);
}

/** Bytes of an ML-KEM secret, whatever the parameter set (FIPS 203 §8). */
const SHARED_LENGTH = 32;

export function sharedKey(attributes: TemplateInput = {}): AttributesInit {
  return {
    class: CKO.SECRET_KEY,
    keyType: CKK.GENERIC_SECRET,
    valueLen: SHARED_LENGTH,
    token: false,
    sensitive: true,
    extractable: false,
    ...templateInit(attributes),
  };
}

function pairAttributes(core: SessionCore, publicAttributes: TemplateInput, privateAttributes: TemplateInput) {
  const publicInit = templateInit(publicAttributes);
  const privateInit = templateInit(privateAttributes);
  return {
    publicAttributes: newTemplate(core, { ...idOf(privateInit), ...publicInit }),
    privateAttributes: newTemplate(core, { ...idOf(publicInit), ...privateInit }),
  };
}

/** One half's CKA_ID is the other's too. */
function idOf({ id }: AttributesInit): AttributesInit {
  return id === undefined ? {} : { id };
}

/** Checks how a key is brought in, if at all; answers whether it may be unwrapped. */
function checkImport(options: ImportKeyOptions): boolean {
  checkOptions(options);
  const { unwrap = false } = options;
  if (typeof unwrap !== "boolean") {
    throw new TypeError(`Cannot import a key: unwrap is ${describeType(unwrap)}, expected true or false`);
  }
  options.signal?.throwIfAborted();
  return unwrap;
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
export function describeMatch(match: TemplateInput): string {
  const init = templateInit(match);
  compileTemplate(init);
  const parts = Object.entries(init).map(([name, value]) => {
    return SHOWN.some((shown) => shown === name) ? `${name} ${shownValue(name, value)}` : name;
  });
  return parts.length === 0 ? "no condition" : parts.join(", ");
}

function shownValue(name: string, value: unknown): string {
  if (typeof value === "number" && name === "class") return ckoName(value);
  if (typeof value === "number" && name === "keyType") return ckkName(value);
  return value instanceof Uint8Array ? value.toHex() : JSON.stringify(value, plain);
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** Classes of objects that anybody may see, as a rule. */
const PUBLIC: ReadonlySet<unknown> = new Set([CKO.PUBLIC_KEY, CKO.CERTIFICATE]);

/** Whether what is looked for may be there and not be seen for want of a login. */
export function mayBeHidden(match: TemplateInput, found: readonly Pkcs11Object[]): boolean {
  return found.length === 0 && !PUBLIC.has(templateInit(match).class);
}

/** Whether a login would show more: the token has users, and this session has none. */
export function lacksLogin({ flags }: TokenInfo, { state }: SessionInfo): boolean {
  return (flags & CKF.LOGIN_REQUIRED) !== 0 && (state === CKS.RO_PUBLIC_SESSION || state === CKS.RW_PUBLIC_SESSION);
}

export function onlyOne(found: readonly Pkcs11Object[], match: string, isHidden: boolean): Pkcs11Object {
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw new ObjectAmbiguousError(match, found.length);
  throw new ObjectNotFoundError(match, undefined, isHidden ? NO_LOGIN : undefined);
}

const NO_LOGIN = "the session is not logged in, and private objects are seen after a login only";
