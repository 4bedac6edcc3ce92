/** The certificate of a client with those that vouch for it, in whatever form they are given. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import { CKO } from "../../ffi/constants/mod.ts";
import type { CallOptions } from "../core/call_options.ts";
import { findByUri, objectTemplate } from "../find_by_uri.ts";
import { certificateParts, mostValid } from "../keys/forms/certificate.ts";
import { readPemCertificates } from "../keys/forms/pem.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../errors.ts";
import { Pkcs11Object } from "../tokens/object.ts";
import type { Session } from "../tokens/session.ts";
import { Pkcs11Uri } from "../uri/mod.ts";

/** What errors call it. */
const WHAT = "the client certificate";

/** A certificate: a `pkcs11:` URI, PEM text (with the certificates it is signed with behind it), DER, or an object. */
export type ChainPart = string | BytesInput | Pkcs11Object;

/** A certificate, or several: the client's own first, each signed with the next. */
export type ChainInput = ChainPart | readonly ChainPart[];

/** A certificate as it was at the call, its bytes copied. */
export type OwnPart = string | Uint8Array | Pkcs11Object;

/** A part that can be one: DER, the name of an object, or an object. */
type CheckedPart = Uint8Array | Pkcs11Uri | Pkcs11Object;

/**
 * The parts in order, PEM as DER, as far as they can be looked at without the token.
 *
 * @throws {TypeError} when what is given is no certificate
 * @throws {UriError} when a URI is none
 */
export function checkChain(parts: readonly OwnPart[]): CheckedPart[] {
  return parts.flatMap((part): CheckedPart | readonly CheckedPart[] => {
    if (part instanceof Pkcs11Object) return part;
    if (typeof part === "string" && /^\s*pkcs11:/i.test(part)) return Pkcs11Uri.parse(part.trim());
    const found = typeof part === "string" ? readPemCertificates(part, "use", WHAT) : [part];
    for (const der of found) certificateParts(new Uint8Array(der), WHAT);
    return found;
  });
}

/**
 * The certificates in DER, the client's own first. Of an object also what its token has of its chain.
 *
 * @param session The key's session: URIs are looked for through its module.
 * @throws {ObjectNotFoundError} when a URI names none
 * @throws {ObjectAmbiguousError} when a URI names those of more than one key
 */
export async function readChain(
  parts: readonly CheckedPart[],
  session: Session,
  options: CallOptions,
): Promise<Uint8Array[]> {
  const chain: Uint8Array[] = [];
  for (const part of parts) {
    if (part instanceof Uint8Array) chain.push(part);
    else if (part instanceof Pkcs11Object) chain.push(...await chainOf(part, options));
    else chain.push(...await chainByUri(part, session, options));
  }
  return chain;
}

async function chainOf(certificate: Pkcs11Object, options: CallOptions): Promise<Uint8Array[]> {
  const chain = await certificate.session.certificateChain(certificate, options);
  return await Promise.all(chain.map(async (each) => (await each.x509(options)).der));
}

async function chainByUri(uri: Pkcs11Uri, session: Session, options: CallOptions): Promise<Uint8Array[]> {
  const text = uri.format();
  const name = `the URI ${text.split("?")[0]}`;
  const token = await session.slot.tokenInfo(options);
  const found: Pkcs11Object[] = [];
  if (uri.matchToken(token)) {
    found.push(...await session.findObjects({ ...objectTemplate(uri), class: CKO.CERTIFICATE }, options));
  }
  const others: Session[] = [];
  try {
    if (found.length === 0) {
      const search = uri.type === undefined ? Pkcs11Uri.parse(withType(text)) : uri;
      for await (const object of findByUri(search, { modules: [session.module], signal: options.signal })) {
        found.push(object);
        others.push(object.session);
      }
    }
    if (found.length === 0) throw new ObjectNotFoundError(name, "find the client certificate");
    return await chainOf(await chosen(found, name, options), options);
  } finally {
    await Promise.allSettled(others.map((other) => other.close()));
  }
}

/** The one to use of the certificates that a URI names: a key that was renewed has several. */
async function chosen(found: readonly Pkcs11Object[], name: string, options: CallOptions): Promise<Pkcs11Object> {
  if (found.length === 1) return found[0]!;
  const read = await Promise.all(found.map(async (each) => certificateParts((await each.x509(options)).der)));
  const keys = new Set(read.map(({ spki }) => spki.whole.toHex()));
  if (keys.size > 1) throw new ObjectAmbiguousError(name, found.length);
  return found[read.indexOf(mostValid(read))]!;
}

function withType(uri: string): string {
  const [path, ...query] = uri.split("?");
  return [`${path}${path === "pkcs11:" ? "" : ";"}type=cert`, ...query].join("?");
}
