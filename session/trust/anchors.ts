/** The certificates this machine trusts, as its trust modules keep them. */
import { CKO, CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../errors.ts";
import { ConfigurationError, type ConfigurationPaths, defaultPaths } from "../config/mod.ts";
import type { Module } from "../tokens/module.ts";
import type { Pkcs11Object } from "../tokens/object.ts";
import { loadModules, type RegisteredModuleProblem } from "../registered_modules.ts";
import type { Session } from "../tokens/session.ts";
import type { Slot } from "../tokens/slot.ts";
import { nameText } from "../../internal/distinguished_name.ts";
import { addExtension, allowsPurpose, type AttachedPurposes, purposeOid } from "./purposes.ts";

/** A certificate to trust as the end of a chain. */
export interface TrustAnchor {
  /** The certificate in DER. */
  readonly der: Uint8Array<ArrayBuffer>;
  /** The label the token gives it. */
  readonly label: string;
  /** Its subject as RFC 4514 text, such as `CN=Example Root,O=Example,C=DE`. */
  readonly subject: string;
}

/** Which trust anchors are wanted. */
export interface TrustAnchorsOptions {
  /**
   * What the certificates are to be trusted for: `serverAuth`, `clientAuth`, `email`, `codeSigning`, `timeStamping` or
   * an object identifier. Attached extensions of the token limit what a certificate is trusted for.
   *
   * @default any purpose
   */
  readonly purpose?: string | undefined;
  /**
   * The modules to ask.
   *
   * @default the registered modules with `trust-policy: yes`
   */
  readonly modules?: readonly Module[] | undefined;
  /** Cancels the search. */
  readonly signal?: AbortSignal | undefined;
}

/** CKA_X_DISTRUSTED and CKO_X_CERTIFICATE_EXTENSION of p11-kit. */
const DISTRUSTED = 0xd8444764;
const CERTIFICATE_EXTENSION = 0xd84447c8;
const EMPTY: ReadonlySet<number> = new Set([CKR.TOKEN_NOT_RECOGNIZED, CKR.TOKEN_NOT_PRESENT]);
const READ = ["value", "label", "subject", "issuer", "serialNumber", "trusted", "publicKeyInfo", DISTRUSTED] as const;

/**
 * The certificates this machine trusts: trusted in a token, and distrusted in none. The system's trust store of p11-kit
 * is such a token (`p11-kit-trust`). A trust module or token that cannot be read fails the whole: it may be the one that
 * distrusts a certificate.
 *
 * @example Name what the machine trusts for web servers
 * ```ts
 * import { trustAnchors } from "@gp11/gp11";
 *
 * async function subjects(): Promise<string[]> {
 *   const anchors = await trustAnchors({ purpose: "serverAuth" });
 *   return anchors.map(({ subject }) => subject);
 * }
 * ```
 *
 * @throws {ConfigurationError} when a registered trust module cannot be loaded or initialised
 */
export async function trustAnchors(options: TrustAnchorsOptions = {}): Promise<TrustAnchor[]> {
  const oid = options.purpose === undefined ? null : purposeOid(options.purpose);
  if (options.modules !== undefined) return await collect(options.modules, oid, options);
  return await registeredAnchors(oid, options, defaultPaths);
}

/** The certificates that the trust modules of a configuration trust. */
export async function registeredAnchors(
  oid: string | null,
  options: TrustAnchorsOptions,
  config: ConfigurationPaths,
): Promise<TrustAnchor[]> {
  const problems: RegisteredModuleProblem[] = [];
  const onError = (problem: RegisteredModuleProblem) => void problems.push(problem);
  const modules = await loadModules({ config, trusted: true, signal: options.signal, onError });
  try {
    assertAllLoaded(problems);
    return await collect(modules, oid, options);
  } finally {
    await Promise.all(modules.map((module) => module.close()));
  }
}

/** A module that cannot be asked may be the one that distrusts a certificate. */
function assertAllLoaded([problem]: readonly RegisteredModuleProblem[]): void {
  if (problem === undefined) return;
  const { name, error } = problem;
  const reason = error instanceof Error ? error.message : String(error);
  throw new ConfigurationError(name, `the trust module failed: ${reason}`, { cause: error });
}

interface Findings {
  /** Trusted certificates by their bytes, in the order they were found. */
  readonly trusted: Map<string, { anchor: TrustAnchor; issuerAndSerial: string; key: string }>;
  /** Bytes, and issuers with serial numbers, of certificates that are distrusted somewhere. */
  readonly distrusted: Set<string>;
  /** What attached extensions say, by the public key they are attached to. */
  readonly purposes: Map<string, AttachedPurposes>;
}

async function collect(
  modules: readonly Module[],
  oid: string | null,
  options: TrustAnchorsOptions,
): Promise<TrustAnchor[]> {
  const findings: Findings = { trusted: new Map(), distrusted: new Set(), purposes: new Map() };
  const { signal } = options;
  for (const module of modules) {
    for (const slot of await module.slots({ tokenPresent: true, signal })) {
      const session = await openTrust(slot, signal);
      if (session === null) continue;
      try {
        await readToken(session, findings, oid !== null, signal);
      } finally {
        await session.close();
      }
    }
  }
  const { trusted, distrusted, purposes } = findings;
  return [...trusted]
    .filter(([der, { issuerAndSerial }]) => !distrusted.has(der) && !distrusted.has(issuerAndSerial))
    .filter(([_, { key }]) => oid === null || allowsPurpose(purposes.get(key), oid))
    .map(([_, { anchor }]) => anchor);
}

/** A session on a token; `null` for one that holds nothing because it was never initialised or has just gone. */
async function openTrust(slot: Slot, signal: AbortSignal | undefined): Promise<Session | null> {
  try {
    return await slot.openSession({ signal });
  } catch (error) {
    // Any other failure is passed on: a token that cannot be read may be the one that distrusts a certificate.
    if (error instanceof Pkcs11Error && EMPTY.has(error.code)) return null;
    throw error;
  }
}

async function readToken(
  session: Session,
  findings: Findings,
  extensions: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  const certificates = await session.findObjects({ class: CKO.CERTIFICATE }, { read: [...READ], signal });
  for (const certificate of certificates) readCertificate(certificate, findings);
  if (!extensions) return;
  const attached = await session.findObjects({ class: CERTIFICATE_EXTENSION }, {
    read: ["value", "publicKeyInfo"],
    signal,
  });
  for (const { attributes } of attached) {
    const value = attributes?.get("value");
    const key = attributes?.get("publicKeyInfo");
    if (!(value instanceof Uint8Array) || !(key instanceof Uint8Array) || key.length === 0) continue;
    const id = keyOf(key);
    let purposes = findings.purposes.get(id);
    if (purposes === undefined) findings.purposes.set(id, purposes = { allowed: null, rejected: new Set() });
    addExtension(purposes, value);
  }
}

function readCertificate({ attributes }: Pkcs11Object, { trusted, distrusted }: Findings): void {
  const value = attributes?.get("value");
  const issuer = attributes?.get("issuer");
  const serial = attributes?.get("serialNumber");
  const issuerAndSerial = issuer && serial ? `${keyOf(issuer)}/${keyOf(serial)}` : "";
  if (isTrue(attributes?.get(DISTRUSTED))) {
    if (value?.length) distrusted.add(keyOf(value));
    if (issuerAndSerial !== "") distrusted.add(issuerAndSerial);
    return;
  }
  if (attributes?.get("trusted") !== true || !value?.length) return;
  const key = attributes.get("publicKeyInfo");
  const anchor: TrustAnchor = {
    der: new Uint8Array(value),
    label: attributes.get("label") ?? "",
    subject: nameText(attributes.get("subject") ?? new Uint8Array()),
  };
  const id = keyOf(value);
  if (!trusted.has(id)) trusted.set(id, { anchor, issuerAndSerial, key: key ? keyOf(key) : "" });
}

/** A vendor's boolean comes as it lies in memory. */
function isTrue(value: unknown): boolean {
  return value === true || value === 1 || (value instanceof Uint8Array && value.length === 1 && value[0] !== 0);
}

/** Bytes as the key of a map. */
function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (let at = 0; at < bytes.length; at += 0x2000) key += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  return key;
}
