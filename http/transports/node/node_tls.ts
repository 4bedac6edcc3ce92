/** The TLS layer over a connected stream, and the verdict about the peer's certificate. */
import type { Duplex } from "node:stream";
import type { DetailedPeerCertificate as NodeCertificate, SecureContext, TLSSocket } from "node:tls";
import { builtin } from "../../../internal/builtin_modules.ts";
import type { ClientCertificate, TlsInfo, TlsSettings, TrustRoots } from "../transport.ts";
import { certificateOf } from "../peer_certificate.ts";
import { isNamed } from "../../../internal/x509/certificate_names.ts";
import { runtimeName } from "../../../internal/runtime.ts";
import { handshakeError, textOf, untrustedError } from "./node_errors.ts";
import { waitForStream } from "./node_bun_socket.ts";
import { arrival } from "./node_tcp.ts";
import { readableCertificates } from "../permissions.ts";
import { trustsNobody } from "../tls_database.ts";

/** What {@linkcode encrypt} checks and shows. */
export interface EncryptOptions {
  host: string;
  roots: TrustRoots | null;
  client: ClientCertificate | null;
  /** The protocols that are offered, preferred first (RFC 7301). */
  protocols: readonly string[];
  signal: AbortSignal;
}

/** An encrypted stream and what its handshake showed. */
export interface Encrypted {
  stream: Duplex;
  info: TlsInfo;
  /** The protocol the peer has chosen; empty when it has chosen none. */
  protocol: string;
}

/**
 * Does the TLS handshake over `raw`.
 *
 * The runtimes verify the chain and the name in either mode; with `rejectUnauthorized` they hide the certificate they
 * refuse. So the handshake is finished first and the verdict is enforced here, before a byte is read or written.
 *
 * @throws {TransportError} TLS_FAILED when there is no handshake; `signal.reason` when aborted.
 */
export async function encrypt(raw: Duplex, options: EncryptOptions): Promise<Encrypted> {
  const { signal } = options;
  // A final dot makes a name absolute for DNS; certificates and SNI do without (RFC 6066 §3).
  const host = options.host.replace(/\.$/, "");
  const fail = (error: unknown) => handshakeError(error, host);
  let stream: TLSSocket;
  try {
    stream = builtin.tls.connect({
      socket: raw,
      // SNI carries names only (RFC 6066 §3); the address is still what the certificate is checked against.
      ...(builtin.net.isIP(host) ? { host } : { host, servername: host }),
      ALPNProtocols: [...options.protocols],
      rejectUnauthorized: false,
      // The runtimes' own check works on a text that names can break out of, or break.
      checkServerIdentity: () => undefined,
      secureContext: contextFor(options.roots, options.client),
    });
  } catch (error) {
    throw fail(error);
  }
  try {
    await arrival(stream, "secureConnect", signal, fail);
    if (runtimeName() === "deno") passPauses(stream, raw);
    if (runtimeName() === "bun") waitForStream(stream, raw);
    return { stream, info: tlsInfoOf(stream, host, options.roots), protocol: stream.alpnProtocol || "" };
  } catch (error) {
    stream.destroy();
    raw.destroy();
    throw error;
  }
}

/** What reads from a TCP connection, in the runtimes' node:net. */
interface ReadingHandle {
  readStart(): unknown;
  readStop(): unknown;
}

/** What reads for the streams made here, whatever lies between. */
const reading = new WeakMap<Duplex, ReadingHandle>();

/** Deno's TLS goes on reading while its stream is paused, and keeps all that comes in memory: TCP has to be stopped itself. */
function passPauses(stream: Duplex, raw: Duplex): void {
  const handle = reading.get(raw) ?? (raw as { _handle?: Partial<ReadingHandle> | null })._handle;
  if (typeof handle?.readStop !== "function" || typeof handle.readStart !== "function") return;
  const tcp = handle as ReadingHandle;
  reading.set(stream, tcp);
  let isStopped = false;
  stream.on("pause", () => {
    if (isStopped || stream.destroyed) return;
    isStopped = true;
    tcp.readStop();
  });
  stream.on("resume", () => {
    if (!isStopped || stream.destroyed) return;
    isStopped = false;
    tcp.readStart();
  });
}

/** Refuses a peer that showed no trusted certificate, when certificates count. */
export function enforceTrust(info: TlsInfo, host: string, { strict, roots }: TlsSettings): void {
  if (!strict || info.errors.length === 0) return;
  throw untrustedError(info.errors, host, trustsNobody(roots) ?? "");
}

/** What a handshake of somebody else's showed, once the names in the certificate are looked at. */
export function withNames(info: TlsInfo, host: string): TlsInfo {
  const { certificate, errors } = info;
  if (certificate === null || errors.includes(MISNAMED) || isNamed(certificate.der, host)) return info;
  return { ...info, errors: [...errors, MISNAMED] };
}

/** Stands for no roots and for no client certificate in the table of contexts. */
const NONE = {};
const contexts = new WeakMap<object, WeakMap<object, SecureContext>>();

/** Parsing roots and keys takes up to tens of milliseconds, so a context is kept as long as what it was made of. */
function contextFor(roots: TrustRoots | null, client: ClientCertificate | null): SecureContext {
  // The runtime's own choice of roots may change at any time.
  if (roots === null) return makeContext(null, client);
  let byClient = contexts.get(roots);
  if (byClient === undefined) contexts.set(roots, byClient = new WeakMap());
  let context = byClient.get(client ?? NONE);
  if (context === undefined) byClient.set(client ?? NONE, context = makeContext(roots, client));
  return context;
}

function makeContext(roots: TrustRoots | null, client: ClientCertificate | null): SecureContext {
  return builtin.tls.createSecureContext({
    ...(roots === null || isDefault(roots) ? {} : { ca: [...roots.pem()] }),
    ...(client === null ? {} : { cert: client.cert, key: client.key }),
  });
}

/**
 * True when the system's store has no more roots than the runtime has anyway: it is then left to the runtime, as Deno
 * parses every root that it is given again for each connection.
 */
function isDefault(roots: TrustRoots): boolean {
  if (!roots.isSystem) return false;
  const bare = (pem: string) => pem.replace(/\s/g, "");
  const known = new Set(readableCertificates("default")?.map(bare));
  return roots.pem().every((pem) => known.has(bare(pem)));
}

function tlsInfoOf(stream: TLSSocket, host: string, roots: TrustRoots | null): TlsInfo {
  const shown = stream.getPeerCertificate(true);
  const hasCertificate = shown?.raw !== undefined;
  return {
    certificate: hasCertificate ? certificateOf(shown) : null,
    errors: hasCertificate ? problemsOf(stream, shown, host, roots) : ["NO_PEER_CERTIFICATE"],
    // Deno has these two from 2.7 on.
    protocol: (stream as Partial<TLSSocket>).getProtocol?.() ?? "",
    cipher: (stream as Partial<TLSSocket>).getCipher?.()?.name ?? "",
  };
}

/** No subject alternative name is the host. */
const MISNAMED = "ERR_TLS_CERT_ALTNAME_INVALID";
const UNKNOWN_ISSUER = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";

/**
 * Every problem the certificate has; the runtimes name only the first, and Deno calls each of them an unknown issuer.
 * The name is checked here too, whatever the runtime found.
 */
function problemsOf(stream: TLSSocket, certificate: NodeCertificate, host: string, roots: TrustRoots | null): string[] {
  const problems = new Set<string>();
  const now = Date.now();
  if (Date.parse(certificate.valid_to) < now) problems.add("CERT_HAS_EXPIRED");
  if (Date.parse(certificate.valid_from) > now) problems.add("CERT_NOT_YET_VALID");
  if (!isNamed(certificate.raw, host)) problems.add(MISNAMED);
  // Bun takes an empty list of roots for none given and trusts its own.
  const isEmpty = trustsNobody(roots) !== null;
  if (stream.authorized === true && !isEmpty) return [...problems];
  const reported = reportedProblem(stream);
  const isExplained = reported === UNKNOWN_ISSUER && certificate.issuerCertificate !== undefined && problems.size > 0;
  if (reported !== "" && !isExplained) problems.add(reported);
  if (problems.size === 0 || isEmpty) problems.add(UNKNOWN_ISSUER);
  return [...problems];
}

function reportedProblem(stream: TLSSocket): string {
  const error: unknown = stream.authorizationError;
  if (typeof error === "string") return error;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : error ? textOf(error) : "";
}
