/**
 * The signature on a certificate or a request: made by a token's key, checked outside it.
 *
 * @module
 */
import { CKR } from "../../ffi/constants/mod.ts";
import { describeName } from "../../ffi/memory/inputs.ts";
import {
  bits,
  damaged,
  type DerElement,
  DerReader,
  type DerValue,
  nothing,
  oid,
  raw,
  readDer,
  sequence,
  writeDer,
} from "../keys/forms/asn1.ts";
import { ecdsaSignatureFromDer, ecdsaSignatureToDer, writeSpki } from "../keys/forms/write_der.ts";
import { type AsymmetricMaterial, type CurveMaterial, describeKey } from "../keys/forms/key_material.ts";
import { isWeierstrass } from "../keys/forms/read_der.ts";
import type { HashName } from "../mechanisms/hash.ts";
import type { Pkcs11Object } from "../tokens/object.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { Session } from "../tokens/session.ts";
import { ecdsaWith, schemesOf, type SignatureScheme } from "../keys/signature_schemes.ts";
import { signWith, verifyWith } from "../signer/signing_key.ts";
import { Pkcs11Error } from "../errors.ts";
import { DEAD } from "../tokens/token_sessions.ts";
import { verifyOutside } from "../keys/half_by_signature.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Digests that certificates are signed with. */
export type CertificateHash = "SHA-256" | "SHA-384" | "SHA-512";

const hashes: readonly CertificateHash[] = ["SHA-256", "SHA-384", "SHA-512"];

/** sha256WithRSAEncryption … (RFC 4055 §5), ecdsa-with-SHA256 … (RFC 5758 §3.2). */
const rsaOid = (hash: HashName): string => `1.2.840.113549.1.1.${11 + hashes.indexOf(hash as CertificateHash)}`;
const ecdsaOid = (hash: HashName): string => `1.2.840.10045.4.3.${2 + hashes.indexOf(hash as CertificateHash)}`;

/** How a key signs certificates. */
export interface CertificateScheme {
  /** The algorithm. */
  readonly scheme: SignatureScheme;
  /** Its AlgorithmIdentifier. */
  readonly identifier: DerValue;
}

/** The algorithm of a key; the hash counts for RSA and ECDSA only, where the default is what fits the curve. */
export function certificateScheme(material: AsymmetricMaterial, hash?: CertificateHash): CertificateScheme {
  if (hash !== undefined && !hashes.includes(hash)) {
    throw new TypeError(`Cannot sign with the hash ${describeName(hash)}: expected one of ${hashes.join(", ")}`);
  }
  const usual = schemesOf(material)[0];
  if (usual === undefined) throw new TypeError(`Cannot sign a certificate: a ${describeKey(material)} does not sign`);
  if (material.kind === "RSA") {
    const scheme = schemesOf(material).find((each) => each.hash === (hash ?? "SHA-256"))!;
    return { scheme, identifier: sequence(oid(rsaOid(scheme.hash!)), nothing()) };
  }
  if (usual.hash === null) {
    const identifier = material.kind === "curve" ? material.curve.oid : material.set.oid;
    return { scheme: usual, identifier: sequence(oid(identifier)) };
  }
  const scheme = hash === undefined ? usual : ecdsaWith(hash);
  return { scheme, identifier: sequence(oid(ecdsaOid(scheme.hash!))) };
}

/**
 * Signs what is to be signed, and puts both together as X.509 has them: content, algorithm, signature.
 *
 * @throws {TypeError} where the private key is not that of the public half
 */
export async function signed(
  content: Bytes,
  { identifier, scheme }: CertificateScheme,
  key: Pkcs11Object,
  material: AsymmetricMaterial,
  options?: CallOptions,
): Promise<Bytes> {
  const signature = await signWith(key.session, key, scheme, content, options).catch((cause) => {
    throw cause instanceof Pkcs11Error && cause.code === CKR.KEY_TYPE_INCONSISTENT ? foreignKey(cause) : cause;
  });
  if (!await isSignedBy({ material, scheme, content, signature }, key.session, options)) throw foreignKey();
  const written = isEcdsa(material) ? ecdsaSignatureToDer(signature) : signature;
  return writeDer(sequence(raw(content), identifier, bits(written)));
}

function foreignKey(cause?: Pkcs11Error): TypeError {
  return new TypeError("Cannot sign: the private key does not belong to the public key", { cause });
}

/** A signature with what it is of. */
export interface SignedContent {
  /** The public key it should be good for. */
  readonly material: AsymmetricMaterial;
  /** How it was made. */
  readonly scheme: SignatureScheme;
  /** What was signed. */
  readonly content: Bytes;
  /** The signature, as tokens have it. */
  readonly signature: Bytes;
}

/**
 * Whether a signature is right: by the runtime or a library, else in a token, as some keys of RSA a runtime does not take.
 *
 * @param session A session of a token that may know them.
 * @throws {Error} NotSupportedError where nobody can tell
 */
export async function isSignedBy(
  signed: SignedContent,
  session: Session,
  options?: CallOptions,
): Promise<boolean> {
  const { material, scheme, content, signature } = signed;
  const outside = verifyOutside(material, scheme, content, signature);
  if (outside !== null) return outside;
  try {
    return await isSignedInToken(signed, session, options);
  } catch (cause) {
    const isUnable = cause instanceof Pkcs11Error ? !DEAD.has(cause.code) : isNotSupported(cause);
    if (!isUnable) throw cause;
    const what = `a signature by ${scheme.algorithm} with the ${describeKey(material)}`;
    const error = new Error(`Cannot check ${what}: neither the runtime nor the token can`, { cause });
    error.name = "NotSupportedError";
    throw error;
  }
}

async function isSignedInToken(
  { material, scheme, content, signature }: SignedContent,
  session: Session,
  options?: CallOptions,
): Promise<boolean> {
  const key = await session.importKey(writeSpki(material), {}, options);
  try {
    return await verifyWith(session, key, scheme, content, signature, options);
  } finally {
    await key.destroy();
  }
}

function isNotSupported(error: unknown): boolean {
  return error instanceof Error && error.name === "NotSupportedError";
}

/**
 * The algorithm that an AlgorithmIdentifier names, for a key.
 *
 * @throws {TypeError} where it is unknown, or none of such keys
 */
export function namedScheme(identifier: DerElement, material: AsymmetricMaterial, what: string): SignatureScheme {
  const name = new DerReader(identifier, what).oid("the signature's algorithm");
  for (const hash of material.kind === "RSA" || isEcdsa(material) ? hashes : [undefined]) {
    const { identifier: own, scheme } = certificateScheme(material, hash);
    if (new DerReader(readDer(writeDer(own), what), what).oid("the algorithm") === name) return scheme;
  }
  throw damaged(what, `its signature's algorithm ${name} is unknown, or not of its ${describeKey(material)}`);
}

/** The bytes of a signature in X.509 as tokens have them. */
export function plainSignature(material: AsymmetricMaterial, signature: Bytes): Bytes {
  return isEcdsa(material) ? ecdsaSignatureFromDer(signature, material.curve.size) : signature;
}

function isEcdsa(material: AsymmetricMaterial): material is CurveMaterial {
  return material.kind === "curve" && isWeierstrass(material.curve);
}
