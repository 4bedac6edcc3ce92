/**
 * Certificate requests (PKCS#10, RFC 2986).
 *
 * @module
 */
import { type BytesInput, copyBytes } from "../../ffi/memory/inputs.ts";
import {
  contextTag,
  damaged,
  type DerElement,
  DerReader,
  raw,
  readDer,
  sequence,
  small,
  Tag,
  writeDer,
} from "../keys/forms/asn1.ts";
import { type Extension, readExtensions } from "../keys/forms/certificate.ts";
import type { AsymmetricMaterial } from "../keys/forms/key_material.ts";
import { looksLikePem, readPem } from "../keys/forms/pem.ts";
import { readSpki } from "../keys/forms/read_der.ts";
import { writeSpki } from "../keys/forms/write_der.ts";
import { writeName } from "./distinguished_name.ts";
import { type ExtensionOptions, extensionRequest, makeExtensions } from "./extensions.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const WHAT = "the certificate request";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/** What a request asks for. */
export interface RequestParts {
  /** What is signed. */
  readonly content: Bytes;
  /** The subject, a Name in DER. */
  readonly subject: Bytes;
  /** The key that is to be certified. */
  readonly key: AsymmetricMaterial;
  /** The extensions it asks for. */
  readonly extensions: readonly Extension[];
  /** The algorithm of its signature. */
  readonly algorithm: DerElement;
  /** Its signature. */
  readonly signature: Bytes;
}

/** The CertificationRequestInfo of a key. */
export function requestContent(
  key: AsymmetricMaterial,
  { subject, ...options }: ExtensionOptions & { readonly subject: string },
): Bytes {
  return writeDer(
    sequence(small(0), raw(writeName(subject)), raw(writeSpki(key)), extensionRequest(makeExtensions(options))),
  );
}

/**
 * Reads a request.
 *
 * @throws {TypeError} where it is damaged; its signature is not checked here
 */
export function readRequest(request: string | BytesInput): RequestParts {
  const der = typeof request === "string" ? pemRequest(request) : copyBytes(request, WHAT);
  const outer = new DerReader(readDer(der, WHAT), WHAT);
  const info = outer.element("what is signed", Tag.SEQUENCE);
  const algorithm = outer.element("the signature's algorithm", Tag.SEQUENCE);
  const signature = outer.bits("the signature");
  outer.end();
  const reader = new DerReader(info, WHAT);
  if (reader.small("the version") !== 0) throw damaged(WHAT, "its version is unknown");
  const subject = reader.element("the subject", Tag.SEQUENCE).whole;
  const key = readSpki(reader.element("the public key", Tag.SEQUENCE), `${WHAT}, the public key`);
  const attributes = reader.optional(contextTag(0, true));
  reader.end();
  return { content: info.whole, subject, key, extensions: requested(attributes), algorithm, signature };
}

function pemRequest(text: string): Bytes {
  if (!looksLikePem(text)) throw damaged(WHAT, "the text is no PEM");
  const blocks = readPem(text, WHAT);
  const [first] = blocks;
  if (blocks.length !== 1 || !/^(NEW )?CERTIFICATE REQUEST$/.test(first!.label)) {
    throw damaged(
      WHAT,
      `expected one PEM block "CERTIFICATE REQUEST", got ${blocks.map(({ label }) => `"${label}"`).join(", ")}`,
    );
  }
  return first!.bytes;
}

function requested(attributes: DerElement | null): readonly Extension[] {
  const found: Extension[] = [];
  for (const attribute of attributes?.children ?? []) {
    const reader = new DerReader(attribute, `${WHAT}, an attribute`);
    const name = reader.oid("its identifier");
    const values = reader.element("its values", Tag.SET);
    if (name !== EXTENSION_REQUEST) continue;
    const [extensions] = values.children;
    if (extensions === undefined || values.children.length > 1) throw damaged(WHAT, "its extensions are damaged");
    found.push(...readExtensions(extensions, WHAT));
  }
  const twice = found.find(({ oid }, at) => found.findIndex((each) => each.oid === oid) !== at);
  if (twice !== undefined) throw damaged(WHAT, `it has the extension ${twice.oid} twice`);
  return found;
}
