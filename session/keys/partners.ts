/**
 * What belongs to a key: its public half, its certificate, its private key, the chain of issuers.
 *
 * @module
 */
import { isSameBytes } from "../../internal/bytes.ts";
import { CKA, CKO } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { findObjects, getAttributes, type ObjectArgs } from "../../ffi/operations/objects.ts";
import { readPlan } from "../attributes/attribute_types.ts";
import { attributesOf } from "../attributes/attributes.ts";
import { certificateKey, type CertificateParts, certificateParts, mostValid } from "./forms/certificate.ts";
import { type AsymmetricMaterial, wipeKey } from "./forms/key_material.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../errors.ts";
import { beside, holderOf, publicKeyAnywhere } from "./find_public.ts";
import { identify, isSameKey, type KeyIdentity, unlessDamaged } from "./read_public.ts";
import { readSecretKey } from "./read_private.ts";
import { writeSpki } from "./forms/write_der.ts";
import { readDer } from "./forms/asn1.ts";
import { readSpki } from "./forms/read_der.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The partner of an object that is of this class: the same CKA_ID, the same public half; of several certificates the one
 * that {@linkcode mostValid} chooses.
 *
 * @returns null where the token has none
 * @throws {ObjectAmbiguousError} where several may be it, and nothing tells which is
 */
export function* partnerOf(
  frame: Frame,
  { object, objectClass, session }: ObjectArgs & { readonly objectClass: number },
): Program<bigint | null> {
  const key = yield* identify(frame, { session, object });
  if (key.class === objectClass) return object;
  const candidates = yield* beside(frame, session, objectClass, key);
  if (candidates.length === 0) return null;
  const known = yield* publicKeyAnywhere(frame, session, key);
  if (known === null) return null;
  if (objectClass === CKO.CERTIFICATE) return yield* certificateAmong(frame, session, candidates, known);
  const { object: partner, untold } = yield* holderOf(frame, session, candidates, known);
  if (untold.length === 0 || candidates.length === 1) return partner;
  const named = key.id.length > 0 ? `the CKA_ID ${key.id.toHex()}` : `the label ${JSON.stringify(key.label)}`;
  throw new ObjectAmbiguousError(
    `${named}, and no signature tells which belongs to the key`,
    candidates.length,
    "find the private key",
    "give each pair a CKA_ID of its own",
  );
}

/** A certificate of the token. */
interface HeldCertificate {
  readonly object: bigint;
  readonly parts: CertificateParts;
}

/** Of several certificates of one key the one to use. */
function chosen(certificates: readonly HeldCertificate[]): HeldCertificate {
  const parts = mostValid(certificates.map((each) => each.parts));
  return certificates.find((each) => each.parts === parts)!;
}

/** The certificate of a public key; a key that was renewed has several. */
function* certificateAmong(
  frame: Frame,
  session: bigint,
  candidates: readonly KeyIdentity[],
  key: AsymmetricMaterial,
): Program<bigint | null> {
  const own: HeldCertificate[] = [];
  for (const { object } of candidates) {
    const parts = yield* unlessDamaged(certificateOfKey(frame, session, object, key));
    if (parts !== null) own.push({ object, parts });
  }
  return own.length === 0 ? null : chosen(own).object;
}

/** The parts of a certificate; null where it is that of another key. */
function* certificateOfKey(
  frame: Frame,
  session: bigint,
  object: bigint,
  key: AsymmetricMaterial,
): Program<CertificateParts | null> {
  const parts = yield* readCertificateObject(frame, session, object);
  return isSameKey(certificateKey(parts), key) ? parts : null;
}

/** More issuers than any chain has: certificates that name each other in a circle end here. */
const MAX_CHAIN = 32;

/** The certificate and its issuers, as far as the token has them; the leaf comes first. */
export function* chainOf(frame: Frame, { object, session }: ObjectArgs): Program<readonly bigint[]> {
  const chain: bigint[] = [object];
  let parts = yield* readCertificateObject(frame, session, object);
  const seen: Bytes[] = [parts.der];
  while (chain.length < MAX_CHAIN && !isSameBytes(parts.issuer, parts.subject)) {
    const issuer = yield* issuerOf(frame, session, parts);
    if (issuer === null || seen.some((der) => isSameBytes(der, issuer.parts.der))) break;
    chain.push(issuer.object);
    seen.push(issuer.parts.der);
    parts = issuer.parts;
  }
  return chain;
}

const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";

/** Of the certificates of the issuer's name those whose key identifier is named, else all of them; the one to use of these. */
function* issuerOf(frame: Frame, session: bigint, certificate: CertificateParts): Program<HeldCertificate | null> {
  const attributes = [
    { type: CKA.CLASS, value: CKO.CERTIFICATE },
    { type: CKA.SUBJECT, value: certificate.issuer },
  ];
  const { handles } = yield* findObjects(frame, { session, attributes, plan: null, limit: Infinity });
  const candidates: HeldCertificate[] = [];
  for (const object of handles) {
    const parts = yield* unlessDamaged(readCertificateObject(frame, session, object));
    if (parts !== null) candidates.push({ object, parts });
  }
  if (candidates.length === 0) return null;
  const named = candidates.filter(({ parts }) => isNamedKey(certificate, parts));
  return chosen(named.length === 0 ? candidates : named);
}

function isNamedKey(certificate: CertificateParts, issuer: CertificateParts): boolean {
  const wanted = certificate.extensions.find(({ oid }) => oid === AUTHORITY_KEY_IDENTIFIER)?.value;
  const own = issuer.extensions.find(({ oid }) => oid === SUBJECT_KEY_IDENTIFIER)?.value;
  if (wanted === undefined || own === undefined) return false;
  // SEQUENCE { [0] keyIdentifier … } and OCTET STRING, each with a header of two bytes.
  const identifier = own.subarray(2);
  return wanted[2] === 0x80 && isSameBytes(wanted.subarray(4, 4 + wanted[3]!), identifier);
}

/** The parts of a certificate object. */
export function certificateOf(frame: Frame, { object, session }: ObjectArgs): Program<CertificateParts> {
  return readCertificateObject(frame, session, object);
}

function* readCertificateObject(frame: Frame, session: bigint, object: bigint): Program<CertificateParts> {
  const plan = readPlan(["class", "value"]);
  const read = attributesOf(yield* getAttributes(frame, { session, object, plan }));
  const value = read.get("value");
  if (Number(read.get("class")) !== CKO.CERTIFICATE) {
    throw new TypeError("Cannot read the certificate: the object is none");
  }
  if (value === undefined) throw new TypeError("Cannot read the certificate: the token has no CKA_VALUE of it");
  return certificateParts(value);
}

/**
 * The public half of an object.
 *
 * @throws {ObjectNotFoundError} where the token has that of a private key nowhere
 * @throws {ObjectAmbiguousError} where several may be that of a private key, and nothing tells which is
 */
export function* publicMaterial(frame: Frame, { object, session }: ObjectArgs): Program<AsymmetricMaterial> {
  const key = yield* identify(frame, { session, object });
  let found: AsymmetricMaterial | null = null;
  let ambiguous: ObjectAmbiguousError | null = null;
  try {
    found = yield* publicKeyAnywhere(frame, session, key);
  } catch (error) {
    if (!(error instanceof ObjectAmbiguousError)) throw error;
    ambiguous = error;
  }
  if (found !== null) return found;
  const calculated = key.class === CKO.PRIVATE_KEY ? yield* calculatedHalf(frame, { object, session }) : null;
  if (calculated !== null) return calculated;
  if (ambiguous !== null) throw ambiguous;
  const name = key.label === "" ? "the key" : `the key ${JSON.stringify(key.label)}`;
  const match = key.id.length === 0
    ? `the public half of ${name}, which tells none and has no CKA_ID to look for its pair by, nor the label of one that a signature tells to be its own`
    : `the public half of ${name}: it tells none, and no public key or certificate that can be read has its CKA_ID ${key.id.toHex()}`;
  throw new ObjectNotFoundError(match, "read the public key");
}

/** The public half of a private key that the token lets out; null where it does not. */
function* calculatedHalf(frame: Frame, args: ObjectArgs): Program<AsymmetricMaterial | null> {
  const plan = readPlan(["sensitive", "extractable"]);
  const read = attributesOf(yield* getAttributes(frame, { ...args, plan }));
  if (read.get("sensitive") !== false || read.get("extractable") !== true) return null;
  const material = yield* readSecretKey(frame, args);
  try {
    // A copy of the public half alone: the private one is overwritten.
    return material.kind === "secret" ? null : readSpki(readDer(writeSpki(material), "the key"), "the key");
  } finally {
    wipeKey(material);
  }
}
