/**
 * Keys and certificates from outside become objects of a token. What a token refuses to create is brought in by C_UnwrapKey:
 * encrypted under an AES key that it makes for the session, and that goes at once.
 *
 * @module
 */
import { CKA, CKK, CKM, CKO, CKR } from "../../ffi/constants/mod.ts";
import type { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { createObject, discardObjects, findObjects } from "../../ffi/operations/objects.ts";
import type { TemplateEntry } from "../../ffi/memory/templates.ts";
import { Pkcs11Error } from "../errors.ts";
import { certificateKeyBits, type CertificateParts, knownCertificateKey } from "./forms/certificate.ts";
import { sha1 } from "../mechanisms/hash.ts";
import { type AsymmetricMaterial, hasPrivateHalf, type KeyMaterial } from "./forms/key_material.ts";
import { mayHaveHalf } from "./find_public.ts";
import { identify } from "./read_public.ts";
import {
  certificateTemplate,
  type Dialect,
  keyTypeOf,
  privateTemplate,
  publicTemplate,
  secretTemplate,
  standardDialect,
} from "./templates.ts";
import { encrypt } from "../../ffi/operations/crypto.ts";
import { generateKey, unwrapKey } from "../../ffi/operations/keys.ts";
import { secretCopy } from "../../internal/bytes.ts";
import { runtimeCrypto } from "../../internal/runtime.ts";
import { writePkcs8 } from "./forms/write_der.ts";

/** Arguments of every import. */
interface ImportArgs {
  /** The session. */
  readonly session: bigint;
}

/** How each module wants curves, where it has refused the standard's way. */
const dialects = new WeakMap<Cryptoki, Dialect>();

/** The ways that are tried, in this order. */
const knownDialects: readonly Dialect[] = [
  standardDialect,
  { ...standardDialect, point: "bare" },
  { ...standardDialect, montgomery: CKK.EC_EDWARDS },
];

/** Answers of a token to a form that it does not take. */
const REFUSED_FORM: ReadonlySet<number> = new Set([
  CKR.ATTRIBUTE_VALUE_INVALID,
  CKR.TEMPLATE_INCONSISTENT,
  CKR.DOMAIN_PARAMS_INVALID,
  CKR.ARGUMENTS_BAD,
  CKR.PUBLIC_KEY_INVALID,
]);

/** One key: its private half where it has one. */
export function* importKey(
  frame: Frame,
  { attributes, material, session, unwrap }: ImportArgs & {
    readonly material: KeyMaterial;
    readonly attributes: readonly TemplateEntry[];
    readonly unwrap: boolean;
  },
): Program<bigint> {
  if (material.kind === "secret") {
    const template = secretTemplate(material, attributes);
    const created = createObject(frame, { session, attributes: template });
    return yield* unwrap ? orUnwrapped(frame, session, material, created, template) : created;
  }
  if (!hasPrivateHalf(material)) return yield* createPublic(frame, session, material, attributes);
  return yield* createPrivate(frame, session, material, attributes, unwrap);
}

/** A key as it is created, or unwrapped where it is refused; where that fails, too, the first answer counts. */
function* orUnwrapped(
  frame: Frame,
  session: bigint,
  material: KeyMaterial,
  created: Program<bigint>,
  template: readonly TemplateEntry[],
): Program<bigint> {
  try {
    return yield* created;
  } catch (refused) {
    if (!mayBeUnwrapped(refused)) throw refused;
    try {
      return yield* importByUnwrapping(frame, session, material, template);
    } catch (error) {
      throw error instanceof Pkcs11Error ? refused : error;
    }
  }
}

/** Both halves of a key, the private one first: it is the one that a token refuses. */
export function* importKeyPair(
  frame: Frame,
  args: ImportArgs & {
    readonly material: AsymmetricMaterial;
    readonly publicAttributes: readonly TemplateEntry[];
    readonly privateAttributes: readonly TemplateEntry[];
    readonly unwrap: boolean;
  },
): Program<{ readonly publicKey: bigint; readonly privateKey: bigint }> {
  const { material, privateAttributes, publicAttributes, session, unwrap } = args;
  const privateKey = yield* createPrivate(frame, session, material, privateAttributes, unwrap);
  try {
    return { privateKey, publicKey: yield* createPublic(frame, session, material, publicAttributes) };
  } catch (error) {
    yield* discardObjects(frame, session, [privateKey]);
    throw error;
  }
}

function createPrivate(
  frame: Frame,
  session: bigint,
  material: AsymmetricMaterial,
  given: readonly TemplateEntry[],
  unwrap: boolean,
): Program<bigint> {
  const template = (dialect: Dialect) => privateTemplate(material, given, dialect);
  const created = createAs(frame, session, material, template);
  return unwrap ? orUnwrapped(frame, session, material, created, template(standardDialect)) : created;
}

function createPublic(
  frame: Frame,
  session: bigint,
  material: AsymmetricMaterial,
  given: readonly TemplateEntry[],
): Program<bigint> {
  return createAs(frame, session, material, (dialect) => publicTemplate(material, given, dialect));
}

/** In the standard's form, or in the one that the module takes; where all are refused the first answer counts. */
function* createAs(
  frame: Frame,
  session: bigint,
  material: AsymmetricMaterial,
  template: (dialect: Dialect) => TemplateEntry[],
): Program<bigint> {
  const remembered = dialects.get(frame.table) ?? standardDialect;
  const others = material.kind === "curve" ? knownDialects.filter((dialect) => dialect !== remembered) : [];
  let first: Pkcs11Error | undefined;
  for (const dialect of [remembered, ...others]) {
    try {
      const object = yield* createObject(frame, { session, attributes: template(dialect) });
      if (dialect !== remembered) dialects.set(frame.table, dialect);
      return object;
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || !REFUSED_FORM.has(error.code)) throw error;
      first ??= error;
    }
  }
  throw first;
}

/** A certificate; its CKA_ID is that of the token's key that it belongs to. */
export function* importCertificate(
  frame: Frame,
  { attributes, certificate, session }: ImportArgs & {
    readonly certificate: CertificateParts;
    readonly attributes: readonly TemplateEntry[];
  },
): Program<bigint> {
  const key = knownCertificateKey(certificate);
  const isGiven = attributes.some(({ type }) => type === CKA.ID);
  const known = isGiven || key === null ? null : yield* identifierOfKey(frame, session, key);
  const id = known ?? sha1(certificateKeyBits(certificate));
  const whole = certificateTemplate(certificate, id, attributes);
  const isAsked = attributes.some(({ type }) => type === CKA.CHECK_VALUE);
  if (!isAsked && withoutCheckValue.has(frame.table)) return yield* createUnchecked(frame, session, whole);
  try {
    return yield* createObject(frame, { session, attributes: whole });
  } catch (error) {
    if (!(error instanceof Pkcs11Error) || isAsked) throw error;
    const certificate = yield* createUnchecked(frame, session, whole, error);
    withoutCheckValue.add(frame.table);
    return certificate;
  }
}

/** Modules that have taken certificates without CKA_CHECK_VALUE only: SoftHSM refuses it. */
const withoutCheckValue = new WeakSet<Cryptoki>();

/** Without CKA_CHECK_VALUE; where it is refused so, too, the first answer counts. */
function* createUnchecked(
  frame: Frame,
  session: bigint,
  whole: readonly TemplateEntry[],
  first?: Pkcs11Error,
): Program<bigint> {
  try {
    return yield* createObject(frame, { session, attributes: whole.filter(({ type }) => type !== CKA.CHECK_VALUE) });
  } catch (error) {
    throw error instanceof Pkcs11Error ? first ?? error : error;
  }
}

/** CKA_ID of the token's key with this public half: private keys count first, as they are what a certificate is for. */
function* identifierOfKey(
  frame: Frame,
  session: bigint,
  key: AsymmetricMaterial,
): Program<Uint8Array<ArrayBuffer> | null> {
  for (const objectClass of [CKO.PRIVATE_KEY, CKO.PUBLIC_KEY]) {
    const attributes = [{ type: CKA.CLASS, value: objectClass }, { type: CKA.KEY_TYPE, value: keyTypeOf(key) }];
    const { handles } = yield* findObjects(frame, { session, attributes, plan: null, limit: Infinity });
    for (const object of handles) {
      const identity = yield* identify(frame, { session, object });
      if (identity.id.length > 0 && (yield* mayHaveHalf(frame, session, identity, key))) return identity.id;
    }
  }
  return null;
}

/** Answers of a token that takes such keys in no template; others tell of something else. */
const REFUSED: ReadonlySet<number> = new Set([
  CKR.ACTION_PROHIBITED,
  CKR.ATTRIBUTE_READ_ONLY,
  CKR.ATTRIBUTE_SENSITIVE,
  CKR.ATTRIBUTE_TYPE_INVALID,
  CKR.ATTRIBUTE_VALUE_INVALID,
  CKR.FUNCTION_NOT_SUPPORTED,
  CKR.TEMPLATE_INCOMPLETE,
  CKR.TEMPLATE_INCONSISTENT,
]);

/** What an encrypted key holds itself: unwrapping wants no such attributes. */
const HELD: ReadonlySet<number> = new Set([
  CKA.COEFFICIENT,
  CKA.EC_PARAMS,
  CKA.EXPONENT_1,
  CKA.EXPONENT_2,
  CKA.MODULUS,
  CKA.PARAMETER_SET,
  CKA.PRIME_1,
  CKA.PRIME_2,
  CKA.PRIVATE_EXPONENT,
  CKA.PUBLIC_EXPONENT,
  CKA.SEED,
  CKA.VALUE,
]);

const WRAPPING_KEY: readonly TemplateEntry[] = [
  { type: CKA.CLASS, value: CKO.SECRET_KEY },
  { type: CKA.KEY_TYPE, value: CKK.AES },
  { type: CKA.VALUE_LEN, value: 32 },
  { type: CKA.TOKEN, value: false },
  { type: CKA.SENSITIVE, value: true },
  { type: CKA.EXTRACTABLE, value: false },
  { type: CKA.ENCRYPT, value: true },
  { type: CKA.UNWRAP, value: true },
];

/** Whether a key that was refused so may be taken in the other way. */
export function mayBeUnwrapped(error: unknown): error is Pkcs11Error {
  return error instanceof Pkcs11Error && REFUSED.has(error.code);
}

/**
 * Brings a key in by unwrapping it.
 *
 * @param attributes The template that was refused.
 * @throws {Pkcs11Error} where the token makes no AES key, encrypts nothing with it, or refuses the wrapped key, too
 */
export function* importByUnwrapping(
  frame: Frame,
  session: bigint,
  material: KeyMaterial,
  attributes: readonly TemplateEntry[],
): Program<bigint> {
  const data = material.kind === "secret" ? secretCopy(material.value) : writePkcs8(material);
  try {
    const made = { type: CKM.AES_KEY_GEN, parameter: null };
    const key = yield* generateKey(frame, { session, mechanism: made, attributes: WRAPPING_KEY });
    try {
      const iv = runtimeCrypto().getRandomValues(new Uint8Array(16));
      const mechanism = { type: CKM.AES_CBC_PAD, parameter: iv };
      const wrapped = yield* encrypt(frame, { session, key, traits: null, mechanism, data, authentication: null });
      return yield* unwrapKey(frame, {
        session,
        mechanism,
        unwrappingKey: key,
        wrapped,
        attributes: attributes.filter(({ type }) => !HELD.has(type)),
        associatedData: null,
      });
    } finally {
      yield* discardObjects(frame, session, [key]);
    }
  } finally {
    data.fill(0);
  }
}
