/** What a certificate on a token says, as far as people look for it in a list. */
import { CKK } from "../../ffi/constants/mod.ts";
import { certificateParts, knownCertificateKey } from "../../session/keys/forms/certificate.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import { keyName } from "./key_facts.ts";

/** What a certificate says. */
export interface CertificateFacts {
  /** Whom it is about. */
  readonly subject: string;
  /** Who signed it. */
  readonly issuer: string;
  /** Its number, in hexadecimal. */
  readonly serialNumber: string;
  /** When it becomes valid. */
  readonly notBefore: Date;
  /** When it ends. */
  readonly notAfter: Date;
  /** The kind of its key, as {@linkcode keyName} calls it; empty where that is unknown here. */
  readonly key: string;
}

/** Reads a certificate; null where it is damaged, or none of X.509: it hinders no list. */
export async function certificateFacts(object: Pkcs11Object, signal: AbortSignal): Promise<CertificateFacts | null> {
  try {
    const { der, issuer, notAfter, notBefore, serialNumber, subject } = await object.x509({ signal });
    return { subject, issuer, serialNumber, notBefore, notAfter, key: nameOfKey(der) };
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function nameOfKey(der: Uint8Array<ArrayBuffer>): string {
  const material = knownCertificateKey(certificateParts(der));
  if (material === null) return "";
  return keyName({
    class: undefined,
    keyType: material.kind === "RSA" ? CKK.RSA : undefined,
    curve: material.kind === "curve" ? material.curve : undefined,
    set: material.kind === "post-quantum" ? material.set : undefined,
  });
}

/** The day to which a certificate is valid, and whether it is now. */
export function validityText({ notAfter, notBefore }: CertificateFacts, now: number = Date.now()): string {
  const state = Number(notAfter) < now ? " (ended)" : Number(notBefore) > now ? ` (from ${dayOf(notBefore)})` : "";
  return dayOf(notAfter) + state;
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}
