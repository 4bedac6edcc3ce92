/**
 * What NTLM and Negotiate have in common: they authenticate a connection in several rounds (RFC 4559 §4), and bind what they
 * prove to its TLS.
 *
 * @module
 */
import { concatBytes, toBase64, toHex } from "../../../internal/bytes.ts";
import type { Connection } from "../../transports/connection.ts";
import type { Challenge } from "../../protocol/challenges.ts";
import { type Authorization, type AuthRequest, AuthScheme, type AuthStep, type BodyCheck } from "./scheme.ts";
import { encodeLatin1, fromBase64 } from "./text.ts";
import { builtin } from "../../../internal/builtin_modules.ts";

/** What is kept from one round to the next on one connection. */
export interface Handshake {
  /** The connection all rounds go over. */
  readonly connection: Connection;
  /** Host that asks. */
  readonly host: string;
  /** {@linkcode AuthScheme.generation} the handshake was begun with. */
  readonly generation: number;
  /** Free for the scheme: lives as long as the handshake. */
  readonly context: Map<string, unknown>;
}

interface HandshakeStep extends AuthStep {
  readonly handshake: Handshake;
  readonly challenge: Uint8Array;
}

interface HandshakeAuthorization extends Authorization {
  readonly handshake: Handshake;
  /** 0 when nothing was sent, 1 for the first token, 2 for an answer to a challenge. */
  readonly round: 0 | 1 | 2;
}

/**
 * A scheme that authenticates connections. Each connection makes a handshake of its own; a request on an authenticated one
 * needs no field. When the connection is not the one the challenge came over, the handshake begins anew.
 */
export abstract class ConnectionScheme extends AuthScheme {
  /** Always true. */
  override readonly isConnectionBound: boolean = true;

  /** Connections that are authenticated, and as which generation. */
  readonly #authenticated = new WeakMap<Connection, Handshake>();
  /** The server authenticates requests and not the connection: each one needs a first token. */
  #isPerRequest = false;

  /** The first token of a handshake, or null when there is none. */
  protected abstract firstToken(handshake: Handshake): Uint8Array | null | Promise<Uint8Array | null>;

  /** The answer to a challenge, or null when it cannot be answered. */
  protected abstract answer(
    handshake: Handshake,
    challenge: Uint8Array,
  ): Uint8Array | null | Promise<Uint8Array | null>;

  /** Looks at the token of a successful response. */
  protected verify(_handshake: Handshake, _token: Uint8Array | null): void | Promise<void> {}

  /** A token in the challenge goes on with the handshake; a bare one begins it, or refuses what was sent. */
  override challenged(
    challenge: Challenge,
    used: Authorization | null,
    connection: Connection | null,
  ): AuthStep | null {
    const sent = used as HandshakeAuthorization | null;
    const token = challenge.token68 === null ? null : fromBase64(challenge.token68);
    if (sent === null) return { connection: null };
    if (sent.round === 0) {
      const wasAuthenticated = connection !== null && this.#authenticated.delete(connection);
      if (wasAuthenticated) this.#isPerRequest = true;
      return { connection };
    }
    if (token === null || connection === null || sent.handshake.connection !== connection) return null;
    const step: HandshakeStep = { connection, handshake: sent.handshake, challenge: token };
    return step;
  }

  /** Writes the token of this round; none on a connection that is authenticated already. */
  override authorize(request: AuthRequest, step: AuthStep | null): Authorization | Promise<Authorization> {
    const { connection } = request;
    if (connection === null || !this.isAuthenticated) return { value: null, generation: this.generation };
    const going = step !== null && "handshake" in step ? step as HandshakeStep : null;
    if (going !== null && going.connection === connection && going.handshake.generation === this.generation) {
      return this.#write(going.handshake, 2, this.answer(going.handshake, going.challenge));
    }
    const done = this.#authenticated.get(connection);
    if (done?.generation === this.generation && !this.#isPerRequest) {
      return this.#write(done, 0, null);
    }
    const handshake: Handshake = { connection, host: request.host, generation: this.generation, context: new Map() };
    return this.#write(handshake, 1, this.firstToken(handshake));
  }

  #write(
    handshake: Handshake,
    round: 0 | 1 | 2,
    token: Uint8Array | null | Promise<Uint8Array | null>,
  ): HandshakeAuthorization | Promise<HandshakeAuthorization> {
    if (token instanceof Promise) return token.then((bytes) => this.#write(handshake, round, bytes));
    const value = token === null ? null : `${this.scheme} ${toBase64(token)}`;
    return { value, generation: handshake.generation, handshake, round };
  }

  /** Notes that the connection is authenticated. */
  override accepted(
    used: Authorization,
    _info: ReadonlyMap<string, string> | null,
    challenges: readonly Challenge[],
  ): BodyCheck | null | Promise<BodyCheck | null> {
    const { handshake, round, value } = used as HandshakeAuthorization;
    if (value === null || round === 0) return null;
    this.#authenticated.set(handshake.connection, handshake);
    const own = challenges.find(({ scheme }) => scheme.toLowerCase() === this.scheme.toLowerCase());
    const checked = this.verify(handshake, own?.token68 ? fromBase64(own.token68) : null);
    return checked instanceof Promise ? checked.then(() => null) : null;
  }
}

/** Signature algorithms whose hash is not SHA-256: the content of their object identifiers in hexadecimal. */
const longHashes: Readonly<Record<string, "sha384" | "sha512">> = {
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

/** "tls-server-end-point:" and the hash of a certificate in DER. */
export function serverEndPoint(certificate: Uint8Array): Uint8Array<ArrayBuffer> {
  const hash = builtin.crypto.createHash(signatureHash(certificate)).update(certificate).digest();
  return concatBytes(encodeLatin1("tls-server-end-point:"), hash);
}

/**
 * The binding of a connection, or null when there is no TLS or the transport does not show the certificate, as fetch
 * does not.
 */
export function channelBinding(connection: Connection | null): Uint8Array<ArrayBuffer> | null {
  const certificate = connection?.tls?.certificate;
  return certificate ? serverEndPoint(certificate.der) : null;
}

/** MD5 of the binding inside a gss_channel_bindings_struct without addresses (MS-NLMP §2.2.2.1). */
export function channelBindingHash(binding: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(20);
  new DataView(head.buffer).setUint32(16, binding.byteLength, true);
  return new Uint8Array(builtin.crypto.createHash("md5").update(head).update(binding).digest());
}

/** MD5 and SHA-1 count as SHA-256; so does what is unknown (RFC 5929 §4.1). */
function signatureHash(certificate: Uint8Array): "sha256" | "sha384" | "sha512" {
  const outer = readElement(certificate, 0);
  const toBeSigned = outer && readElement(certificate, outer.start);
  const algorithm = toBeSigned && readElement(certificate, toBeSigned.end);
  const identifier = algorithm && readElement(certificate, algorithm.start);
  if (!identifier) return "sha256";
  return longHashes[toHex(certificate.subarray(identifier.start, identifier.end))] ?? "sha256";
}

/** Where the content of the DER element at `offset` starts and ends; null when it does not fit. */
function readElement(bytes: Uint8Array, offset: number): { start: number; end: number } | null {
  const first = bytes[offset + 1];
  if (first === undefined) return null;
  if (first < 0x80) {
    return offset + 2 + first <= bytes.byteLength ? { start: offset + 2, end: offset + 2 + first } : null;
  }
  const start = offset + 2 + (first & 0x7f);
  let length = 0;
  for (let index = offset + 2; index < start; index++) length = length * 256 + (bytes[index] ?? 0);
  return start + length <= bytes.byteLength ? { start, end: start + length } : null;
}
