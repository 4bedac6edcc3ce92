/**
 * Extensions of certificates and requests, written (RFC 5280 §4.2).
 *
 * @module
 */
import { refuseUnknown } from "../../internal/expected.ts";
import { type BytesInput, copyBytes, describeName, describeType } from "../../ffi/memory/inputs.ts";
import {
  bits,
  boolean,
  context,
  contextTag,
  type DerValue,
  octets,
  oid,
  primitive,
  readDer,
  sequence,
  setOf,
  small,
  writeDer,
} from "../keys/forms/asn1.ts";
import type { Extension } from "../keys/forms/certificate.ts";
import { generalName } from "./general_name.ts";

/** Object identifiers of the extensions that are written here. */
export const ExtensionOid = {
  SUBJECT_KEY_IDENTIFIER: "2.5.29.14",
  KEY_USAGE: "2.5.29.15",
  SUBJECT_ALT_NAME: "2.5.29.17",
  BASIC_CONSTRAINTS: "2.5.29.19",
  AUTHORITY_KEY_IDENTIFIER: "2.5.29.35",
  EXTENDED_KEY_USAGE: "2.5.29.37",
} as const;

/** What a certificate says besides names, key and times. */
export interface ExtensionOptions {
  /** DNS names, IP addresses, e-mail addresses and URIs, each alone or with its kind before it, as in `DNS:example.org`. */
  readonly subjectAltNames?: readonly string[] | undefined;
  /** Uses by RFC 5280's names, for example "digitalSignature". */
  readonly keyUsage?: readonly string[] | undefined;
  /** Purposes by RFC 5280's names, for example "serverAuth", or object identifiers. */
  readonly extendedKeyUsage?: readonly string[] | undefined;
  /** Whether it may sign certificates, and how many issuers may stand below it. */
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number | undefined } | undefined;
  /** Any other extension. */
  readonly extensions?:
    | readonly { readonly oid: string; readonly critical?: boolean | undefined; readonly value: BytesInput }[]
    | undefined;
}

/** The bits of keyUsage in their order. */
const uses: readonly string[] = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
];

const purposes: Readonly<Record<string, string>> = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  emailProtection: "1.3.6.1.5.5.7.3.4",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  OCSPSigning: "1.3.6.1.5.5.7.3.9",
};

const OID = /^[0-2](\.(0|[1-9]\d*))+$/;

/** The extensions that the options ask for. */
export function makeExtensions(options: ExtensionOptions): Extension[] {
  const { basicConstraints, extendedKeyUsage, keyUsage, subjectAltNames } = options;
  const made: Extension[] = [];
  if (basicConstraints !== undefined) {
    made.push(extension(ExtensionOid.BASIC_CONSTRAINTS, true, constraints(basicConstraints)));
  }
  if (keyUsage !== undefined) made.push(extension(ExtensionOid.KEY_USAGE, true, usage(keyUsage)));
  if (extendedKeyUsage !== undefined) {
    const names = list(extendedKeyUsage, "extendedKeyUsage").map(purpose);
    made.push(extension(ExtensionOid.EXTENDED_KEY_USAGE, false, sequence(...names)));
  }
  if (subjectAltNames !== undefined) {
    const names = list(subjectAltNames, "subjectAltNames").map(generalName);
    made.push(extension(ExtensionOid.SUBJECT_ALT_NAME, false, sequence(...names)));
  }
  for (const given of extensionList(options.extensions)) {
    refuseUnknown("use the extension", given, { oid: true, critical: true, value: true });
    const { critical = false, oid: type, value } = given;
    if (typeof critical !== "boolean") {
      throw new TypeError(`Cannot use the extension ${describeName(type)}: critical is ${describeType(critical)}`);
    }
    if (typeof type !== "string" || !OID.test(type)) {
      throw new TypeError(`Cannot use the extension ${describeName(type)}: it is no object identifier`);
    }
    const bytes = copyBytes(value, `the extension ${type}`);
    readDer(bytes, `the extension ${type}`);
    made.push({ oid: type, critical, value: bytes });
  }
  const twice = made.find(({ oid }, at) => made.findIndex((other) => other.oid === oid) !== at);
  if (twice !== undefined) throw new TypeError(`Cannot use the extension ${twice.oid}: it is given twice`);
  return made;
}

function extensionList(given: ExtensionOptions["extensions"]): NonNullable<ExtensionOptions["extensions"]> {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((each) => typeof each === "object" && each !== null)) return given;
  throw new TypeError("Cannot use extensions: expected a list of { oid, critical, value }");
}

/** subjectKeyIdentifier: SHA-1 of the key's bits (RFC 5280 §4.2.1.2). */
export function subjectKeyIdentifier(identifier: Uint8Array): Extension {
  return extension(ExtensionOid.SUBJECT_KEY_IDENTIFIER, false, octets(identifier));
}

/** authorityKeyIdentifier of the issuer's key. */
export function authorityKeyIdentifier(identifier: Uint8Array): Extension {
  return extension(
    ExtensionOid.AUTHORITY_KEY_IDENTIFIER,
    false,
    sequence(primitive(contextTag(0, false), identifier)),
  );
}

/** Extensions as they stand in a certificate. */
export function extensionSequence(extensions: readonly Extension[]): DerValue {
  return sequence(
    ...extensions.map(({ critical, oid: type, value }) =>
      sequence(oid(type), ...critical ? [boolean(true)] : [], octets(value))
    ),
  );
}

function extension(type: string, critical: boolean, value: DerValue): Extension {
  return { oid: type, critical, value: writeDer(value) };
}

function constraints(given: NonNullable<ExtensionOptions["basicConstraints"]>): DerValue {
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`Cannot use basicConstraints: expected { ca, pathLength }, got ${describeType(given)}`);
  }
  refuseUnknown("use basicConstraints", given, { ca: true, pathLength: true });
  const { ca, pathLength } = given;
  if (typeof ca !== "boolean") throw new TypeError("Cannot use basicConstraints: ca must be true or false");
  if (pathLength === undefined) return sequence(...ca ? [boolean(true)] : []);
  if (!ca || !Number.isInteger(pathLength) || pathLength < 0 || pathLength > 0xffff) {
    throw new RangeError(`Cannot use basicConstraints: pathLength ${pathLength} is no count, or ca is false`);
  }
  return sequence(boolean(true), small(pathLength));
}

/** A named bit list, without zeros at its end. */
function usage(names: readonly string[]): DerValue {
  const places = list(names, "keyUsage").map((name) => {
    const place = uses.indexOf(name === "contentCommitment" ? "nonRepudiation" : name);
    if (place < 0) throw new TypeError(`Cannot use keyUsage "${name}": there are ${uses.join(", ")}`);
    return place;
  });
  const last = Math.max(...places);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const place of places) bytes[place >> 3]! |= 0x80 >> (place & 7);
  return bits(bytes, 7 - (last & 7));
}

function purpose(name: string): DerValue {
  const identifier = purposes[name] ?? (OID.test(name) ? name : undefined);
  if (identifier === undefined) {
    throw new TypeError(
      `Cannot use extendedKeyUsage "${name}": there are ${Object.keys(purposes).join(", ")}, and object identifiers`,
    );
  }
  return oid(identifier);
}

/** A list of names that has at least one. */
function list(names: readonly string[], what: string): readonly string[] {
  if (nameList(names, what).length === 0) {
    throw new TypeError(`Cannot use ${what}: expected a list of names, got an empty one`);
  }
  return names;
}

/** Checks a list of names. */
export function nameList(names: readonly string[], what: string): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  throw new TypeError(`Cannot use ${what}: expected a list of names`);
}

/** An attribute of a request that asks for extensions (RFC 2985 §5.4.2). */
export function extensionRequest(extensions: readonly Extension[]): DerValue {
  return context(
    0,
    ...extensions.length === 0 ? [] : [
      sequence(oid("1.2.840.113549.1.9.14"), setOf(extensionSequence(extensions))),
    ],
  );
}
