/** Whom a connection trusts: certificates of authorities in PEM, as GnuTLS takes them. */
import { type BytesInput, describeType, isBytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import { readPemCertificates, writePem } from "../keys/forms/pem.ts";

/** A set of roots, such as a `TlsDatabase`. */
export interface RootCertificates {
  /** True for the store of the operating system. */
  readonly isSystem?: boolean | undefined;
  /** The certificates as PEM texts. */
  pem(): readonly string[];
}

/** One certificate of an authority: DER, or an object that has it, such as a trust anchor. */
export type AuthorityInput = BytesInput | { readonly der: BytesInput };

/** Authorities: PEM text, a set of roots such as a `TlsDatabase`, one certificate, or several of them. */
export type AuthoritiesInput = string | RootCertificates | AuthorityInput | Iterable<AuthorityInput>;

/** Whom to trust, by an object that stays the same as long as it means the same. */
export interface Roots {
  /** What tells it from others. */
  readonly key: object;
  /** The certificates in PEM; null for the system's. */
  readonly pem: string | null;
}

const SYSTEM: Roots = { key: {}, pem: null };
const known = new WeakMap<object, Roots>();

/** The roots of a set, read once. Null is the system's store, and so is one that cannot be read from here. */
export function rootsOf(given: RootCertificates | null): Roots {
  if (given === null) return SYSTEM;
  let roots = known.get(given);
  if (roots === undefined) {
    const texts = given.pem();
    roots = given.isSystem && texts.length === 0 ? SYSTEM : { key: given, pem: texts.join("\n") };
    known.set(given, roots);
  }
  return roots;
}

/**
 * Reads what was given as authorities.
 *
 * @throws {TypeError} when it is nothing of the kind, or a text without a certificate
 */
export function readAuthorities(given: AuthoritiesInput): Roots {
  if (typeof given === "string") return { key: {}, pem: checkedPem(given) };
  if (typeof given !== "object" || given === null) throw unusable(given);
  if ("pem" in given && typeof given.pem === "function") return rootsOf(given as RootCertificates);
  const list = isBytesInput(given) || "der" in given ? [given as AuthorityInput] : (given as Iterable<AuthorityInput>);
  if (!(Symbol.iterator in list)) throw unusable(given);
  return { key: {}, pem: Array.from(list, authorityPem).join("\n") };
}

function checkedPem(text: string): string {
  return readPemCertificates(text, "read", "the authorities").map((der) => writePem("CERTIFICATE", der)).join("\n");
}

function authorityPem(given: AuthorityInput): string {
  const der = isBytesInput(given) ? given : typeof given === "object" && given !== null ? given.der : given;
  if (!isBytesInput(der)) throw unusable(given);
  return writePem("CERTIFICATE", viewBytes(der, "the certificate of an authority"));
}

function unusable(given: unknown): TypeError {
  return new TypeError(
    `Cannot read the authorities: expected PEM text, DER, objects with der or a TlsDatabase, got ${
      describeType(given)
    }`,
  );
}
