/**
 * Keys that a token refuses to create, brought in by C_UnwrapKey: encrypted under an AES key that the token makes for the
 * session, and that goes at once.
 *
 * @module
 */
import { CKA, CKK, CKM, CKO, CKR } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { encrypt } from "../../ffi/operations/crypto.ts";
import { generateKey, unwrapKey } from "../../ffi/operations/keys.ts";
import { discardObjects } from "../../ffi/operations/objects.ts";
import type { TemplateEntry } from "../../ffi/memory/templates.ts";
import { secretCopy } from "../../internal/secret_bytes.ts";
import { runtimeCrypto } from "../../internal/runtime.ts";
import { Pkcs11Error } from "../errors.ts";
import type { KeyMaterial } from "./forms/key_material.ts";
import { writePkcs8 } from "./forms/write_der.ts";

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
