/**
 * Certificates of peers, as `node:tls` and Bun's fetch show them.
 *
 * @module
 */
import type { PeerCertificate as ShownCertificate } from "node:tls";
import { altNamesOf } from "../../internal/x509/certificate_names.ts";
import { plainPortrait, shownAs } from "../../internal/inspection.ts";
import type { PeerCertificate } from "./transport.ts";

const certificateShown = plainPortrait<PeerCertificate>("PeerCertificate");

/** A certificate as runtimes show it, in the form of this library. */
export function certificateOf(shown: ShownCertificate): PeerCertificate {
  return shownAs(certificateShown, {
    der: new Uint8Array(shown.raw),
    subject: distinguishedName(shown.subject),
    issuer: distinguishedName(shown.issuer),
    fingerprint256: shown.fingerprint256,
    validFrom: new Date(shown.valid_from),
    validTo: new Date(shown.valid_to),
    altNames: altNamesOf(shown.raw),
  });
}

/** A name on one line: each value with its type before it. */
function distinguishedName(parts: unknown): string {
  return Object.entries((parts ?? {}) as Record<string, string | string[]>)
    .flatMap(([type, value]) => [value].flat().map((text) => `${type}=${text}`)).join(", ");
}
