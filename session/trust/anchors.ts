/** The certificates this machine trusts, as its trust modules keep them. */
import { Buffer } from "node:buffer";
import { CKO, CKR } from "../../ffi/constants/mod.ts";
import { ConfigurationError, Pkcs11Error } from "../errors.ts";
import { type ConfigurationPaths, defaultPaths } from "../config/mod.ts";
import type { Module } from "../tokens/module.ts";
import { givenModules, loadModules, type RegisteredModuleProblem } from "../registered_modules.ts";
import type { Session } from "../tokens/session.ts";
import type { Slot } from "../tokens/slot.ts";
import type { Attributes } from "../attributes/attributes.ts";
import type { AttributeName } from "../attributes/attribute_table.ts";
import { type CertificateParts, certificateParts } from "../keys/forms/certificate.ts";
import { checkOwnOptions, checkSignal, type OptionNames } from "../../internal/expected.ts";
import { nameText } from "../../internal/x509/der.ts";
import { plainPortrait, shownAs } from "../../internal/inspection.ts";
import type { TrustAnchor, TrustAnchorsOptions } from "./options.ts";
import { addAttached, addExtension, allowsPurpose, noPurposes, purposeOid, type Purposes } from "./purposes.ts";

const anchorShown = plainPortrait<TrustAnchor>("TrustAnchor");
/** CKA_X_DISTRUSTED and CKO_X_CERTIFICATE_EXTENSION of p11-kit. */
const DISTRUSTED = 0xd8444764;
const CERTIFICATE_EXTENSION = 0xd84447c8;
const EMPTY: ReadonlySet<number> = new Set([CKR.TOKEN_NOT_RECOGNIZED, CKR.TOKEN_NOT_PRESENT]);
const READ = ["value", "label", "subject", "issuer", "serialNumber", "trusted", "publicKeyInfo", DISTRUSTED] as const;

const optionNames: OptionNames<TrustAnchorsOptions> = { purpose: true, modules: true, signal: true };

/** The certificates that these modules trust, by default those that the machine's configuration trusts. */
export async function anchorsOf(options: TrustAnchorsOptions): Promise<TrustAnchor[]> {
  checkOwnOptions("find the trust anchors", options, optionNames);
  checkSignal("find the trust anchors", options.signal);
  const oid = options.purpose === undefined ? null : purposeOid(options.purpose);
  if (options.modules !== undefined) {
    return await collect(givenModules("find the trust anchors", options.modules), oid, options);
  }
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
  readonly trusted: Map<string, { anchor: TrustAnchor; names: readonly string[]; key: string; own: Purposes }>;
  /** Bytes, issuers with serial numbers, and public keys that are distrusted somewhere. */
  readonly distrusted: Set<string>;
  /** What attached extensions say, by the public key they are attached to. */
  readonly purposes: Map<string, Purposes>;
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
  return [...trusted.values()]
    .filter(({ names }) => !names.some((name) => distrusted.has(name)))
    .filter(({ key, own }) => oid === null || allowsPurpose(purposes.get(key) ?? noPurposes(), own, oid))
    .map(({ anchor }) => anchor);
}

/** A session on a token; `null` for one that holds nothing because it was never initialised or has just gone. */
async function openTrust(slot: Slot, signal: AbortSignal | null | undefined): Promise<Session | null> {
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
  signal: AbortSignal | null | undefined,
): Promise<void> {
  const certificates = await session.findObjects({ class: CKO.CERTIFICATE }, { read: [...READ], signal });
  for (const { attributes } of certificates) {
    if (attributes === null || readDistrust(attributes, findings)) continue;
    readTrust(attributes, findings);
  }
  if (!extensions) return;
  const attached = await session.findObjects({ class: CERTIFICATE_EXTENSION }, {
    read: ["value", "publicKeyInfo"],
    signal,
  });
  for (const { attributes } of attached) {
    if (attributes === null) continue;
    assertReadable(attributes, ["publicKeyInfo"]);
    const key = attributes.get("publicKeyInfo");
    if (!key?.length) continue;
    const id = keyOf("key", key);
    let purposes = findings.purposes.get(id);
    if (purposes === undefined) findings.purposes.set(id, purposes = noPurposes());
    addAttached(purposes, attributes.get("value") ?? new Uint8Array());
  }
}

/** Notes whom an object distrusts; false when it distrusts nobody. */
function readDistrust(attributes: Attributes, { distrusted }: Findings): boolean {
  assertReadable(attributes, [DISTRUSTED]);
  if (!isTrue(attributes.get(DISTRUSTED))) return false;
  assertReadable(attributes, ["value", "issuer", "serialNumber", "publicKeyInfo"]);
  const value = attributes.get("value");
  const issuer = attributes.get("issuer");
  const serial = attributes.get("serialNumber");
  const key = attributes.get("publicKeyInfo");
  if (value?.length) distrusted.add(keyOf("certificate", value));
  if (issuer?.length && serial?.length) distrusted.add(keyOf("issuer", issuer, serial));
  if (key?.length) distrusted.add(keyOf("key", key));
  return true;
}

/** Who cannot be named cannot be distrusted: what the token could not say may have been a name. */
function assertReadable(attributes: Attributes, names: readonly (AttributeName | number)[]): void {
  const name = names.find((name) => attributes.state(name) === "error");
  if (name === undefined) return;
  throw new TypeError(`Cannot read what the token distrusts: its attribute ${name} is damaged`, {
    cause: attributes.error(name),
  });
}

/** Notes a trusted certificate; one whose bytes are no certificate is none. */
function readTrust(attributes: Attributes, { trusted }: Findings): void {
  const value = attributes.get("value");
  if (attributes.get("trusted") !== true || !value?.length) return;
  const id = keyOf("certificate", value);
  const parts = trusted.has(id) ? null : partsOf(value);
  if (parts === null) return;
  const own = noPurposes();
  for (const { oid, value } of parts.extensions) addExtension(own, oid, value);
  const key = keyOf("key", parts.spki.whole);
  const anchor = shownAs(anchorShown, {
    der: parts.der,
    label: attributes.get("label") ?? "",
    subject: nameText(parts.subject),
  });
  // What the certificate says counts, not what the token says of it.
  const names = [id, keyOf("issuer", parts.issuer, parts.serialNumber), key];
  trusted.set(id, { anchor, names, key, own });
}

function partsOf(der: Uint8Array): CertificateParts | null {
  try {
    return certificateParts(new Uint8Array(der));
  } catch {
    return null; // The reader's way to say that these bytes are no certificate.
  }
}

/** A vendor's boolean comes as it lies in memory; whatever is not all zeros says yes. */
function isTrue(value: unknown): boolean {
  return value === true || (typeof value === "number" && value !== 0) ||
    (value instanceof Uint8Array && value.some((byte) => byte !== 0));
}

/** Bytes as the member of a set. */
function keyOf(kind: string, ...parts: readonly Uint8Array[]): string {
  return [kind, ...parts.map((bytes) => Buffer.from(bytes).toString("latin1"))].join("/");
}
