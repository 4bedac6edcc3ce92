/** The error of a call that failed, with what is known of the call. */
import type { FunctionName } from "../../ffi/tables/functions.ts";
import { CKA, CKM, CKR } from "../../ffi/constants/mod.ts";
import { attributeByType } from "../attributes/attribute_table.ts";
import { Pkcs11Error } from "../errors.ts";

/** Functions that work with the mechanism of their operation; a login or a question on the way does not. */
const WITH_MECHANISM =
  /^C_(Message|Encrypt|Decrypt|Digest|Sign|Verify|GenerateKey|Wrap|Unwrap|Derive|Encapsulate|Decapsulate)/;

/** Functions whose failure may be about one of many inputs; the same key and mechanism begin all of them. */
const WITH_INPUT = /^C_(Encrypt|Decrypt|Digest|Sign|Verify)$/;

/** What the attributes of a new key must say, by the mechanism that makes it. */
const NEEDED: ReadonlyMap<number, number> = new Map([
  [CKM.RSA_PKCS_KEY_PAIR_GEN, CKA.MODULUS_BITS],
  [CKM.EC_KEY_PAIR_GEN, CKA.EC_PARAMS],
  [CKM.EC_EDWARDS_KEY_PAIR_GEN, CKA.EC_PARAMS],
  [CKM.EC_MONTGOMERY_KEY_PAIR_GEN, CKA.EC_PARAMS],
  [CKM.ML_DSA_KEY_PAIR_GEN, CKA.PARAMETER_SET],
  [CKM.SLH_DSA_KEY_PAIR_GEN, CKA.PARAMETER_SET],
  [CKM.ML_KEM_KEY_PAIR_GEN, CKA.PARAMETER_SET],
  [CKM.AES_KEY_GEN, CKA.VALUE_LEN],
  [CKM.GENERIC_SECRET_KEY_GEN, CKA.VALUE_LEN],
]);

/** What makes the parameter of mechanisms that are nothing without one. */
const BUILDERS: ReadonlyMap<number, string> = new Map([
  [CKM.AES_CBC, "aesCbc({ iv, pad: false })"],
  [CKM.AES_CBC_PAD, "aesCbc({ iv })"],
  [CKM.AES_CCM, "aesCcm({ nonce })"],
  [CKM.AES_CTR, "aesCtr({ counter, length })"],
  [CKM.AES_GCM, "aesGcm({ iv })"],
  [CKM.AES_GMAC, "aesGmac({ iv })"],
  [CKM.CHACHA20, "chacha20({ counter, nonce })"],
  [CKM.CHACHA20_POLY1305, "chacha20Poly1305({ nonce })"],
  [CKM.ECDH1_DERIVE, "ecdh1({ public })"],
  [CKM.RSA_PKCS_OAEP, "rsaOaep({ hash })"],
  [CKM.RSA_PKCS_PSS, "rsaPss({ hash })"],
  [CKM.SALSA20_POLY1305, "salsa20Poly1305({ nonce })"],
]);

/** What operations are given that their errors can tell of. */
interface Known {
  readonly mechanism?: number | { readonly type: number; readonly parameter?: unknown };
  readonly attributes?: readonly { readonly type: number }[];
  readonly publicAttributes?: readonly { readonly type: number }[];
  readonly index?: number;
}

function knownOf(args: unknown): Known {
  return typeof args === "object" && args !== null ? args : {};
}

/** The type of the mechanism that a function works with in an operation that was given `args`. */
export function mechanismOf(fn: string, args: unknown): number | undefined {
  const { mechanism } = knownOf(args);
  const type = typeof mechanism === "object" ? mechanism.type : mechanism;
  return WITH_MECHANISM.test(fn) ? type : undefined;
}

/** The error for what a function returned in an operation that was given `args`, on a token that may be known. */
export function callFailure(rv: number, fn: string, args: unknown, token?: string): Pkcs11Error {
  const known = knownOf(args);
  const mechanism = mechanismOf(fn, args);
  const hint = mechanism === undefined
    ? undefined
    : missingAttribute(rv, mechanism, known) ?? missingParameter(rv, mechanism, known);
  const index = WITH_INPUT.test(fn) ? known.index : undefined;
  return new Pkcs11Error(rv, fn as FunctionName, { mechanism, token, hint, index });
}

function missingParameter(rv: number, type: number, { mechanism }: Known): string | undefined {
  if (rv !== CKR.ARGUMENTS_BAD && rv !== CKR.MECHANISM_PARAM_INVALID) return undefined;
  if (typeof mechanism !== "object" || mechanism.parameter !== null) return undefined;
  const builder = BUILDERS.get(type);
  return builder && `The mechanism needs a parameter, which ${builder} makes.`;
}

function missingAttribute(
  rv: number,
  mechanism: number,
  { attributes, publicAttributes }: Known,
): string | undefined {
  if (rv !== CKR.TEMPLATE_INCOMPLETE && rv !== CKR.TEMPLATE_INCONSISTENT) return undefined;
  const needed = NEEDED.get(mechanism);
  const given = publicAttributes ?? attributes;
  if (needed === undefined || !given || given.some(({ type }) => type === needed)) return undefined;
  return `The attribute ${attributeByType(needed)?.name} is missing.`;
}
