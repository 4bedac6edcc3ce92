/** The certificate of a client with those that vouch for it, in whatever form they are given. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import { CKO } from "../../ffi/constants/mod.ts";
import type { CallOptions } from "../core/call_options.ts";
import { findByUri, objectTemplate } from "../find_by_uri.ts";
import { certificateParts } from "../keys/forms/certificate.ts";
import { readPem } from "../keys/forms/pem.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../errors.ts";
import { Pkcs11Object } from "../tokens/object.ts";
import type { Session } from "../tokens/session.ts";
import { Pkcs11Uri } from "../uri/mod.ts";

/** A certificate: a `pkcs11:` URI, PEM text (with the certificates it is signed with behind it), DER, or an object. */
export type ChainPart = string | BytesInput | Pkcs11Object;

/** A certificate, or several: the client's own first, each signed with the next. */
export type ChainInput = ChainPart | readonly ChainPart[];

/** A certificate as it was at the call, its bytes copied. */
export type OwnPart = string | Uint8Array | Pkcs11Object;

/**
 * The certificates in DER, the client's own first. Of an object also what its token has of its chain.
 *
 * @param session The key's session: URIs are looked for through its module.
 * @throws {TypeError} when what is given is no certificate
 * @throws {ObjectNotFoundError} when a URI names none
 * @throws {ObjectAmbiguousError} when a URI names more than one
 */
export async function readChain(
  parts: readonly OwnPart[],
  session: Session,
  options: CallOptions,
): Promise<Uint8Array[]> {
  const chain: Uint8Array[] = [];
  for (const part of parts) chain.push(...await readPart(part, session, options));
  for (const der of chain) certificateParts(new Uint8Array(der), "the client certificate");
  return chain;
}

async function readPart(part: OwnPart, session: Session, options: CallOptions): Promise<Uint8Array[]> {
  if (part instanceof Pkcs11Object) return await chainOf(part, options);
  if (part instanceof Uint8Array) return [part];
  if (/^\s*pkcs11:/i.test(part)) return await chainByUri(part.trim(), session, options);
  const blocks = readPem(part, "the client certificate");
  const found = blocks.filter(({ label }) => /^(X509 )?CERTIFICATE$/.test(label));
  if (found.length === 0) throw new TypeError("Cannot use the client certificate: the text has no PEM certificate");
  return found.map(({ bytes }) => bytes);
}

async function chainOf(certificate: Pkcs11Object, options: CallOptions): Promise<Uint8Array[]> {
  const chain = await certificate.session.certificateChain(certificate, options);
  return await Promise.all(chain.map(async (each) => (await each.x509(options)).der));
}

async function chainByUri(text: string, session: Session, options: CallOptions): Promise<Uint8Array[]> {
  const uri = Pkcs11Uri.parse(text);
  const name = `the URI ${uri.format().split("?")[0]}`;
  const token = await session.slot.tokenInfo(options);
  const found: Pkcs11Object[] = [];
  if (uri.matchToken(token)) {
    found.push(...await session.findObjects({ ...objectTemplate(uri), class: CKO.CERTIFICATE }, options));
  }
  const others: Session[] = [];
  try {
    if (found.length === 0) {
      const search = Pkcs11Uri.parse(uri.type === undefined ? withType(text) : text);
      for await (const object of findByUri(search, { modules: [session.module], ...options })) {
        found.push(object);
        others.push(object.session);
      }
    }
    if (found.length === 0) throw new ObjectNotFoundError(name, "find the client certificate");
    if (found.length > 1) throw new ObjectAmbiguousError(name, found.length);
    return await chainOf(found[0]!, options);
  } finally {
    await Promise.allSettled(others.map((other) => other.close()));
  }
}

function withType(uri: string): string {
  const [path, ...query] = uri.split("?");
  return [`${path}${path === "pkcs11:" ? "" : ";"}type=cert`, ...query].join("?");
}
