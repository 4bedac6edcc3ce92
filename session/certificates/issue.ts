/** Certificates and requests, written, signed and checked. */
import { type BytesInput, copyBytes, describeName, describeType } from "../../ffi/memory/inputs.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { type OptionNames, refuseUnknown } from "../../internal/expected.ts";
import { runtimeCrypto } from "../../internal/runtime.ts";
import { ObjectNotFoundError } from "../errors.ts";
import {
  context,
  type DerValue,
  primitive,
  raw,
  readDer,
  sequence,
  small,
  Tag,
  unsigned,
  writeDer,
} from "../keys/forms/asn1.ts";
import { certificateParts, type Extension } from "../keys/forms/certificate.ts";
import type { AsymmetricMaterial } from "../keys/forms/key_material.ts";
import { writePem } from "../keys/forms/pem.ts";
import { publicMaterial } from "../keys/partners.ts";
import { keyIdentifier } from "../keys/templates.ts";
import { writeSpki } from "../keys/forms/write_der.ts";
import { Pkcs11Object } from "../tokens/object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { coreOf } from "../tokens/session_contexts.ts";
import { readRequest, requestContent } from "./certificate_request.ts";
import {
  type CertificateScheme,
  certificateScheme,
  isSignedBy,
  namedScheme,
  plainSignature,
  signed,
} from "./certificate_signature.ts";
import { writeName } from "./distinguished_name.ts";
import {
  authorityKeyIdentifier,
  ExtensionOid,
  extensionSequence,
  makeExtensions,
  nameList,
  subjectKeyIdentifier,
} from "./extensions.ts";
import type { CertificateKey, CertificateOptions, IssueOptions, ValidityOptions } from "./options.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const common = {
  subject: true,
  subjectAltNames: true,
  keyUsage: true,
  extendedKeyUsage: true,
  basicConstraints: true,
  extensions: true,
  notBefore: true,
  notAfter: true,
  serialNumber: true,
  hash: true,
  signal: true,
} as const;

/** What a certificate of one's own key may say, and a request, which leaves the times to others. */
const ownNames: OptionNames<CertificateOptions & ValidityOptions> = common;

/** What a certificate for a request may say. */
const issueNames: OptionNames<IssueOptions> = { ...common, issuer: true, key: true, copyExtensions: true };

/** A certificate request, as PEM. */
export async function certificateRequest(key: CertificateKey, options: CertificateOptions): Promise<string> {
  checkObjects("make a certificate request", key, options);
  const { hash, signal, ...said } = options;
  const material = await publicHalf(key.publicKey, { signal });
  const scheme = certificateScheme(material, hash);
  const content = requestContent(material, said);
  return writePem("CERTIFICATE REQUEST", await signed(content, scheme, key.privateKey, material, { signal }));
}

/** A certificate that signs itself, as PEM. */
export async function selfSignedCertificate(
  key: CertificateKey,
  options: CertificateOptions & ValidityOptions,
): Promise<string> {
  checkObjects("make a certificate", key, options);
  const { hash, signal, subject } = options;
  const name = writeName(subject);
  const extensions = makeExtensions(options);
  const validity = checkValidity(options);
  const material = await publicHalf(key.publicKey, { signal });
  const scheme = certificateScheme(material, hash);
  const identifier = keyIdentifier(material);
  const content = certificateContent(scheme, validity, {
    issuer: name,
    subject: name,
    key: material,
    extensions: added(extensions, [subjectKeyIdentifier(identifier), authorityKeyIdentifier(identifier)]),
  });
  return writePem("CERTIFICATE", await signed(content, scheme, key.privateKey, material, { signal }));
}

/** A certificate for a request, as PEM. */
export async function certificateFor(request: string | BytesInput, options: IssueOptions): Promise<string> {
  checkOptions(options);
  refuseUnknown("issue a certificate", options, issueNames);
  const { hash, issuer, signal } = options;
  checkObject("issue a certificate", "issuer", issuer);
  if (options.key !== undefined) checkObject("issue a certificate", "key", options.key);
  const parts = readRequest(request);
  const own = makeExtensions(options);
  const validity = checkValidity(options);
  const subject = options.subject === undefined ? parts.subject : writeName(options.subject);
  const copied = copyExtensions(parts.extensions, options.copyExtensions ?? ["subjectAltName"]);

  const scheme = namedScheme(parts.algorithm, parts.key, "the certificate request");
  const signature = plainSignature(parts.key, parts.signature);
  const claimed = { material: parts.key, scheme, content: parts.content, signature };
  if (!await isSignedBy(claimed, issuer.session, { signal })) {
    throw new TypeError("Cannot issue the certificate: the request is not signed by its own key");
  }
  const authority = certificateParts((await issuer.x509({ signal })).der);
  const privateKey = options.key ?? await issuer.privateKey({ signal });
  if (privateKey === null) {
    throw new ObjectNotFoundError(
      "the CKA_ID and the public key of the issuer's certificate",
      "find the issuer's private key",
    );
  }
  const material = await publicHalf(issuer, { signal });
  const signing = certificateScheme(material, hash);
  const identifiers = [
    subjectKeyIdentifier(keyIdentifier(parts.key)),
    authorityKeyIdentifier(issuerIdentifier(authority.extensions, material)),
  ];
  const content = certificateContent(signing, validity, {
    issuer: authority.subject,
    subject,
    key: parts.key,
    extensions: added(added(own, copied), identifiers),
  });
  return writePem("CERTIFICATE", await signed(content, signing, privateKey, material, { signal }));
}

function checkObjects(action: string, key: CertificateKey, options: CertificateOptions): void {
  if (typeof key !== "object" || key === null) {
    throw new TypeError(`Cannot ${action}: expected { publicKey, privateKey }, got ${describeType(key)}`);
  }
  checkObject(action, "publicKey", key.publicKey);
  checkObject(action, "privateKey", key.privateKey);
  checkOptions(options);
  // A restriction under a name that is none would be none.
  refuseUnknown(action, options, ownNames);
}

function checkObject(action: string, name: string, object: unknown): void {
  if (object instanceof Pkcs11Object) return;
  throw new TypeError(`Cannot ${action}: ${name} is ${describeType(object)}, expected a Pkcs11Object`);
}

function publicHalf(object: Pkcs11Object, options: CallOptions): Promise<AsymmetricMaterial> {
  const core = coreOf(object.session);
  core.assertFree("read the public key");
  return core.run(publicMaterial, { session: core.handle, object: object.handle }, options);
}

/** The second list's extensions where the first does not have them. */
function added(extensions: readonly Extension[], more: readonly Extension[]): Extension[] {
  return [...extensions, ...more.filter(({ oid: type }) => !extensions.some((each) => each.oid === type))];
}

const extensionNames: Readonly<Record<string, string>> = {
  subjectAltName: ExtensionOid.SUBJECT_ALT_NAME,
  subjectAltNames: ExtensionOid.SUBJECT_ALT_NAME,
  keyUsage: ExtensionOid.KEY_USAGE,
  extKeyUsage: ExtensionOid.EXTENDED_KEY_USAGE,
  extendedKeyUsage: ExtensionOid.EXTENDED_KEY_USAGE,
  basicConstraints: ExtensionOid.BASIC_CONSTRAINTS,
};

function copyExtensions(requested: readonly Extension[], names: readonly string[]): Extension[] {
  const wanted = nameList(names, "copyExtensions").map((name) => {
    const type = extensionNames[name] ?? (/^\d+(\.\d+)+$/.test(name) ? name : undefined);
    if (type !== undefined) return type;
    throw new TypeError(
      `Cannot copy the extension ${describeName(name)}: there are ${
        Object.keys(extensionNames).join(", ")
      }, and object identifiers`,
    );
  });
  const copied = requested.filter(({ oid: type }) => wanted.includes(type));
  for (const { oid: type, value } of copied) readDer(value, `the certificate request, its extension ${type}`);
  return copied;
}

/** The identifier that the issuer's certificate says of its key, else the usual one. */
function issuerIdentifier(extensions: readonly Extension[], key: AsymmetricMaterial): Uint8Array {
  const own = extensions.find(({ oid: type }) => type === ExtensionOid.SUBJECT_KEY_IDENTIFIER);
  return own === undefined ? keyIdentifier(key) : own.value.subarray(2);
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serialNumber: Bytes;
}

const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59);

function checkValidity({ notAfter, notBefore, serialNumber }: ValidityOptions): Validity {
  const begin = notBefore ?? new Date();
  const end = notAfter ?? yearAfter(begin);
  for (const [name, time] of [["notBefore", begin], ["notAfter", end]] as const) {
    if (!(time instanceof Date) || !(time.getTime() >= 0 && time.getTime() <= LAST_TIME)) {
      throw new RangeError(`Cannot use ${name} of the certificate: it is no time from 1970 to 9999`);
    }
  }
  if (end < begin) throw new RangeError("Cannot use notAfter of the certificate: it is before notBefore");
  return { notBefore: begin, notAfter: end, serialNumber: checkSerial(serialNumber) };
}

function yearAfter(begin: Date): Date {
  const end = new Date(begin);
  end.setUTCFullYear(end.getUTCFullYear() + 1);
  return end;
}

function checkSerial(given: BytesInput | undefined): Bytes {
  if (given === undefined) {
    const bytes = runtimeCrypto().getRandomValues(new Uint8Array(16));
    // Positive, and never shorter than it looks.
    bytes[0] = bytes[0]! & 0x3f | 0x40;
    return bytes;
  }
  const bytes = copyBytes(given, "a serial number");
  const isZero = bytes.every((byte) => byte === 0);
  if (isZero || bytes.length > 20 || (bytes.length === 20 && bytes[0]! >= 0x80)) {
    throw new RangeError(
      `Cannot use the serial number of ${bytes.length} bytes: it must be positive and have at most 20`,
    );
  }
  return bytes;
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280 §4.1.2.5). */
function time(date: Date): DerValue {
  const digits = date.toISOString().replace(/\.\d+Z$/, "").replace(/[-T:]/g, "");
  const isShort = date.getUTCFullYear() < 2050;
  const text = `${isShort ? digits.slice(2) : digits}Z`;
  return primitive(isShort ? Tag.UTC_TIME : Tag.GENERALIZED_TIME, new TextEncoder().encode(text));
}

/** The TBSCertificate. */
function certificateContent(
  { identifier }: CertificateScheme,
  { notAfter, notBefore, serialNumber }: Validity,
  { extensions, issuer, key, subject }: {
    readonly issuer: Bytes;
    readonly subject: Bytes;
    readonly key: AsymmetricMaterial;
    readonly extensions: readonly Extension[];
  },
): Bytes {
  return writeDer(sequence(
    context(0, small(2)),
    unsigned(serialNumber),
    identifier,
    raw(issuer),
    sequence(time(notBefore), time(notAfter)),
    raw(subject),
    raw(writeSpki(key)),
    context(3, extensionSequence(extensions)),
  ));
}
