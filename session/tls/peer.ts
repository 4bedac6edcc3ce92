/** What a handshake has shown: the peer's certificate, what is wrong with it, protocol and cipher suite. */
import { builtin } from "../../internal/builtin_modules.ts";
import { altNamesOf, isNamed } from "../../internal/x509/certificate_names.ts";
import { plainPortrait, shownAs } from "../../internal/inspection.ts";
import type { PeerCertificate, TlsInfo } from "../../internal/tls_info.ts";
import { type Gnutls, GNUTLS_CERT } from "../../ffi/tables/gnutls.ts";
import { memory, readDatum } from "./native_memory.ts";
import type { TlsSession } from "./tls_session.ts";

/** What every handshake of GnuTLS shows. */
export interface ShownTls extends TlsInfo {
  readonly alpnProtocol: string | null;
}

/** No subject alternative name is the host, in the words of the runtimes. */
const MISNAMED = "ERR_TLS_CERT_ALTNAME_INVALID";

/** Codes of OpenSSL and the runtimes for what GnuTLS finds wrong. */
const PROBLEMS: ReadonlyArray<readonly [bit: number, code: string]> = [
  [GNUTLS_CERT.EXPIRED, "CERT_HAS_EXPIRED"],
  [GNUTLS_CERT.NOT_ACTIVATED, "CERT_NOT_YET_VALID"],
  [GNUTLS_CERT.REVOKED, "CERT_REVOKED"],
  [GNUTLS_CERT.UNEXPECTED_OWNER, MISNAMED],
  [GNUTLS_CERT.SIGNER_NOT_FOUND, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  [GNUTLS_CERT.SIGNER_NOT_CA, "INVALID_CA"],
  [GNUTLS_CERT.INSECURE_ALGORITHM, "CA_MD_TOO_WEAK"],
  [GNUTLS_CERT.SIGNATURE_FAILURE, "CERT_SIGNATURE_FAILURE"],
  [GNUTLS_CERT.PURPOSE_MISMATCH, "INVALID_PURPOSE"],
  [GNUTLS_CERT.SIGNER_CONSTRAINTS_FAILURE, "PERMITTED_VIOLATION"],
  [GNUTLS_CERT.UNKNOWN_CRIT_EXTENSIONS, "UNHANDLED_CRITICAL_EXTENSION"],
  [GNUTLS_CERT.MISMATCH, "CERT_REJECTED"],
  [GNUTLS_CERT.REVOCATION_DATA_SUPERSEDED, "CRL_HAS_EXPIRED"],
  [GNUTLS_CERT.REVOCATION_DATA_ISSUED_IN_FUTURE, "CRL_NOT_YET_VALID"],
  [GNUTLS_CERT.MISSING_OCSP_STATUS, "OCSP_VERIFY_NEEDED"],
  [GNUTLS_CERT.INVALID_OCSP_STATUS, "OCSP_VERIFY_FAILED"],
];

/** The peer's certificate in DER; null when it has shown none. */
function peerDer(gnutls: Gnutls, { handle }: TlsSession): Uint8Array | null {
  const count = memory(8);
  const list = gnutls.call("gnutls_certificate_get_peers", handle, count.base) as bigint;
  return list === 0n || count.view.getUint32(0, true) === 0 ? null : readDatum(list);
}

/**
 * Everything a handshake has shown.
 *
 * @param status What GnuTLS finds wrong with the certificate.
 */
export function tlsInfo(
  gnutls: Gnutls,
  session: TlsSession,
  host: string,
  status: number,
): ShownTls {
  const der = peerDer(gnutls, session);
  const { handle } = session;
  const version = gnutls.int("gnutls_protocol_get_version", handle);
  const suite = [
    gnutls.int("gnutls_kx_get", handle),
    gnutls.int("gnutls_cipher_get", handle),
    gnutls.int("gnutls_mac_get", handle),
  ];
  const errors = der === null ? ["NO_PEER_CERTIFICATE"] : problemsOf(der, host, status);
  return {
    certificate: der === null ? null : peerCertificate(der),
    errors,
    protocol: nameOf(gnutls, "gnutls_protocol_get_name", version).replace(/^TLS(?=\d)/, "TLSv"),
    cipher: nameOf(gnutls, "gnutls_cipher_suite_get_name", ...suite),
    alpnProtocol: alpnOf(gnutls, handle),
  };
}

const names = new Map<string, string>();

/** GnuTLS's name of something that has numbers; it stays the same. */
function nameOf(
  gnutls: Gnutls,
  name: "gnutls_protocol_get_name" | "gnutls_cipher_suite_get_name",
  ...numbers: number[]
): string {
  const key = `${name} ${numbers}`;
  let text = names.get(key);
  if (text === undefined) names.set(key, text = gnutls.text(name, ...numbers.map(BigInt)));
  return text;
}

/** The name is looked at here too: what stands in the subject alone does not count (RFC 9525 §2). */
function problemsOf(der: Uint8Array, host: string, status: number): string[] {
  const codes = new Set<string>();
  if (status !== 0) { for (const [bit, code] of PROBLEMS) if ((status & bit) !== 0) codes.add(code); }
  if (!isNamed(der, host)) codes.add(MISNAMED);
  if (status !== 0 && codes.size === 0) codes.add("CERT_REJECTED");
  return [...codes];
}

const certificateShown = plainPortrait<PeerCertificate>("PeerCertificate");

/** The certificate, which is taken apart when somebody looks at it: few do, and it takes as long as a part of the handshake. */
function peerCertificate(der: Uint8Array): PeerCertificate {
  let parts: Omit<PeerCertificate, "der"> | null = null;
  const read = () => parts ??= partsOf(der);
  return shownAs(certificateShown, {
    der,
    get subject() {
      return read().subject;
    },
    get issuer() {
      return read().issuer;
    },
    get fingerprint256() {
      return read().fingerprint256;
    },
    get validFrom() {
      return read().validFrom;
    },
    get validTo() {
      return read().validTo;
    },
    get altNames() {
      return read().altNames;
    },
  });
}

function partsOf(der: Uint8Array): Omit<PeerCertificate, "der"> {
  const certificate = new builtin.crypto.X509Certificate(der);
  const oneLine = (name: string) => name.trim().split("\n").join(", ");
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    fingerprint256: certificate.fingerprint256,
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
    altNames: altNamesOf(der),
  };
}

function alpnOf(gnutls: Gnutls, handle: bigint): string | null {
  const datum = memory(16);
  if (gnutls.int("gnutls_alpn_get_selected_protocol", handle, datum.base) < 0) return null;
  return new TextDecoder().decode(readDatum(datum.base));
}
