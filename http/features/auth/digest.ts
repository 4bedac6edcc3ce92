/**
 * Digest authentication (RFC 7616).
 *
 * @module
 */
import { builtin } from "../../../internal/builtin_modules.ts";
import { toHex } from "../../../internal/bytes.ts";
import { freshBody } from "../../message/body_source.ts";
import type { MessageBody } from "../../message/message.ts";
import { type Challenge, quoteString, splitOptions } from "../../protocol/challenges.ts";
import { trimEndOf } from "../../protocol/syntax.ts";
import {
  type DigestAlgorithm,
  digestAlgorithm,
  digestHash,
  digestResponse,
  digestSessionKey,
  digestUserKey,
  formatNonceCount,
} from "./digest_response.ts";
import { AuthenticationError } from "./auth_feature.ts";
import {
  type Authorization,
  type AuthRequest,
  AuthScheme,
  type AuthStep,
  type BodyCheck,
  type PasswordCredentials,
} from "./scheme.ts";
import { encodeCredential } from "./text.ts";

type Qop = "auth" | "auth-int";

/** A nonce of the server with what came along, and how often it has been used. */
interface DigestNonce {
  readonly value: string;
  readonly opaque: string | null;
  readonly algorithm: DigestAlgorithm;
  /** The algorithm as the server wrote it; null when it named none. */
  readonly algorithmName: string | null;
  readonly qops: readonly string[] | null;
  readonly isUtf8: boolean;
  readonly isUserHashed: boolean;
  /** The client's nonce of a -sess session, and its key once it is known: they outlive a nextnonce. */
  readonly sessionNonce: string;
  sessionKey: { readonly generation: number; readonly key: string } | null;
  count: number;
}

/** H(user ":" realm ":" password) and what it was made for. */
interface UserKey {
  readonly generation: number;
  readonly algorithm: DigestAlgorithm;
  readonly isUtf8: boolean;
  readonly key: string;
}

interface DigestStep extends AuthStep {
  readonly nonce: DigestNonce;
}

interface DigestAuthorization extends Authorization {
  readonly nonce: DigestNonce;
  readonly key: string;
  readonly uri: string;
  readonly qop: Qop | null;
  readonly nonceCount: string;
  readonly cnonce: string;
}

/**
 * Digest authentication (RFC 7616): MD5, SHA-256 and SHA-512-256 with their -sess forms, qop auth and auth-int, RFC 2069
 * servers without qop, nonce counts, stale nonces, nextnonce, hashed user names. The server's own proof (rspauth) is
 * checked: a message whose proof is wrong ends with `HttpStatus.IO_ERROR` and an `AuthenticationError`.
 */
export class AuthDigest extends AuthScheme {
  /** "Digest". */
  static override readonly schemeName: string = "Digest";
  /** Above NTLM: the password stays secret and hashes are strong. */
  static override readonly strength: number = 5;

  #nonce: DigestNonce | null = null;
  #domain: readonly string[] = [];
  #userKey: UserKey | null = null;

  /** The strength of a challenge's algorithm; -1 when it cannot be answered. */
  static override rank(challenge: Challenge): number {
    const { parameters } = challenge;
    if (!parameters.has("realm") || !parameters.has("nonce")) return -1;
    const qops = qopsOf(parameters);
    if (qops !== null && !qops.some((option) => option === "auth" || option === "auth-int")) return -1;
    return digestAlgorithm(parameters.get("algorithm"))?.strength ?? -1;
  }

  /** Takes a nonce in. After an attempt with credentials only `stale=true` is not a refusal (RFC 7616 §3.3). */
  override challenged(challenge: Challenge, used: Authorization | null): AuthStep | null {
    const { parameters } = challenge;
    const algorithm = digestAlgorithm(parameters.get("algorithm"));
    const value = parameters.get("nonce");
    if (algorithm === null || value === undefined) return null;
    const nonce: DigestNonce = {
      value,
      opaque: parameters.get("opaque") ?? null,
      algorithm,
      algorithmName: parameters.get("algorithm") ?? null,
      qops: qopsOf(parameters),
      isUtf8: parameters.get("charset")?.toLowerCase() === "utf-8",
      isUserHashed: parameters.get("userhash")?.toLowerCase() === "true",
      sessionNonce: makeClientNonce(),
      sessionKey: null,
      count: 0,
    };
    this.#nonce = nonce;
    this.#domain = (parameters.get("domain") ?? "").split(/[ \t]+/).filter((uri) => uri !== "");
    const isRefused = used !== null && used.value !== null && parameters.get("stale")?.toLowerCase() !== "true";
    if (isRefused && !this.tryUtf8(used)) return null;
    const step: DigestStep = { connection: null, nonce };
    return step;
  }

  /** Writes the field; a promise only when a body has to be read for auth-int. */
  override authorize(request: AuthRequest, step: AuthStep | null): Authorization | Promise<Authorization> {
    const nonce = (step as DigestStep | null)?.nonce ?? this.#nonce;
    const { credentials } = this;
    const nothing: Authorization = { value: null, generation: this.generation };
    if (nonce === null || credentials?.kind !== "password") return nothing;
    const qop = chooseQop(nonce.qops, request.body);
    if (qop === undefined) return nothing;
    if (qop !== "auth-int") return this.#write(request, nonce, credentials, qop, "");
    const bodyHash = hashBody(nonce.algorithm, request.body);
    return typeof bodyHash === "string"
      ? this.#write(request, nonce, credentials, qop, bodyHash)
      : bodyHash.then((hash) => this.#write(request, nonce, credentials, qop, hash));
  }

  #write(
    request: AuthRequest,
    nonce: DigestNonce,
    credentials: PasswordCredentials,
    qop: Qop | null,
    bodyHash: string,
  ): DigestAuthorization {
    const { algorithm } = nonce;
    const nonceCount = formatNonceCount(++nonce.count);
    const cnonce = algorithm.isSession ? nonce.sessionNonce : makeClientNonce();
    const key = this.#key(nonce, credentials);
    const uri = request.target;
    const response = digestResponse({
      algorithm,
      key,
      method: request.method,
      uri,
      nonce: nonce.value,
      qop,
      nonceCount,
      cnonce,
      bodyHash,
    });
    const fields = [
      ...this.#userFields(nonce, credentials),
      `realm=${quoteString(this.rawRealm)}`,
      `nonce=${quoteString(nonce.value)}`,
      `uri=${quoteString(uri)}`,
      ...(nonce.algorithmName === null ? [] : [`algorithm=${algorithm.name}`]),
      `response="${response}"`,
      ...(nonce.opaque === null ? [] : [`opaque=${quoteString(nonce.opaque)}`]),
      ...(qop === null && !algorithm.isSession ? [] : [`cnonce="${cnonce}"`]),
      ...(qop === null ? [] : [`nc=${nonceCount}`, `qop=${qop}`]),
      ...(nonce.isUserHashed ? ["userhash=true"] : []),
    ];
    const value = `Digest ${fields.join(", ")}`;
    const isUtf8 = nonce.isUtf8 || this.isUtf8Tried;
    return { value, generation: this.generation, isUtf8, nonce, key, uri, qop, nonceCount, cnonce };
  }

  #userFields(nonce: DigestNonce, { user }: PasswordCredentials): string[] {
    const bytes = encodeCredential(user, nonce.isUtf8 || this.isUtf8Tried);
    if (nonce.isUserHashed) return [`username="${digestHash(nonce.algorithm, bytes, ":", this.rawRealm)}"`];
    if (nonce.isUtf8 && bytes.some((byte) => byte > 0x7f)) return [`username*=UTF-8''${percentEncode(bytes)}`];
    return [`username=${quoteString(String.fromCharCode(...bytes))}`];
  }

  /** H(A1), computed once per password and, for -sess, once per session (RFC 7616 §3.4.2). */
  #key(nonce: DigestNonce, { user, password }: PasswordCredentials): string {
    const { algorithm } = nonce;
    const { generation } = this;
    const isUtf8 = nonce.isUtf8 || this.isUtf8Tried;
    let known = this.#userKey;
    if (known?.generation !== generation || known.algorithm !== algorithm || known.isUtf8 !== isUtf8) {
      const encode = (text: string): Uint8Array => encodeCredential(text, isUtf8);
      const key = digestUserKey(algorithm, encode(user), this.rawRealm, encode(password));
      known = this.#userKey = { generation, algorithm, isUtf8, key };
    }
    if (!algorithm.isSession) return known.key;
    if (nonce.sessionKey?.generation !== generation) {
      const key = digestSessionKey(algorithm, known.key, nonce.value, nonce.sessionNonce);
      nonce.sessionKey = { generation, key };
    }
    return nonce.sessionKey.key;
  }

  /** Takes nextnonce and checks rspauth (RFC 7616 §3.5). */
  override accepted(used: Authorization, info: ReadonlyMap<string, string> | null): BodyCheck | null {
    if (info === null || used.value === null) return null;
    const sent = used as DigestAuthorization;
    // Of another exchange, as a cache may have kept it: says nothing about this one.
    if ((info.get("cnonce") ?? sent.cnonce) !== sent.cnonce) return null;
    const next = info.get("nextnonce");
    if (next !== undefined && next !== this.#nonce?.value) this.#nonce = { ...sent.nonce, value: next, count: 0 };
    const proof = info.get("rspauth");
    if (proof === undefined) return null;
    if ((info.get("qop") ?? sent.qop) !== "auth-int") {
      checkProof(sent, proof, sent.qop, "");
      return null;
    }
    const hash = builtin.crypto.createHash(sent.nonce.algorithm.hash);
    return {
      update: (chunk) => void hash.update(chunk),
      finish: () => checkProof(sent, proof, "auth-int", hash.digest("hex")),
    };
  }

  /** The URIs of `domain` on this origin; without any, the whole origin (RFC 7616 §3.3). */
  override protectionSpace(url: URL): string[] {
    const paths: string[] = [];
    for (const uri of this.#domain) {
      const parsed = URL.canParse(uri, url) ? new URL(uri, url) : null;
      if (parsed?.host === url.host && parsed.protocol === url.protocol) {
        paths.push(trimEndOf(parsed.pathname, "/"));
      }
    }
    if (this.#domain.length === 0) return [""];
    return paths.length > 0 ? paths : [url.pathname.slice(0, url.pathname.lastIndexOf("/"))];
  }
}

function makeClientNonce(): string {
  return toHex(builtin.crypto.randomBytes(16));
}

/** The protections a server offers; null for one of RFC 2069, which offers none or names none. */
function qopsOf(parameters: ReadonlyMap<string, string>): readonly string[] | null {
  const qops = splitOptions(parameters.get("qop") ?? "");
  return qops.length === 0 ? null : qops;
}

/** The protection both sides can do; null for a server of RFC 2069, undefined when the body cannot be hashed. */
function chooseQop(offered: readonly string[] | null, body: MessageBody | null): Qop | null | undefined {
  if (offered === null) return null;
  if (offered.includes("auth")) return "auth";
  return body instanceof ReadableStream ? undefined : "auth-int";
}

function hashBody(algorithm: DigestAlgorithm, body: MessageBody | null): string | Promise<string> {
  if (body === null) return digestHash(algorithm);
  return body instanceof Uint8Array ? digestHash(algorithm, body) : hashStream(algorithm, body);
}

async function hashStream(algorithm: DigestAlgorithm, body: MessageBody): Promise<string> {
  if (typeof body !== "function") throw new AuthenticationError("Cannot hash the body: it can be read only once");
  const hash = builtin.crypto.createHash(algorithm.hash);
  const reader = freshBody(body).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) hash.update(piece.value);
  return hash.digest("hex");
}

function checkProof(sent: DigestAuthorization, proof: string, qop: Qop | null, bodyHash: string): void {
  const expected = digestResponse({
    algorithm: sent.nonce.algorithm,
    key: sent.key,
    method: "",
    uri: sent.uri,
    nonce: sent.nonce.value,
    qop,
    nonceCount: sent.nonceCount,
    cnonce: sent.cnonce,
    bodyHash,
  });
  if (proof.toLowerCase() !== expected) {
    throw new AuthenticationError("Cannot trust the response: the server's proof (rspauth) is wrong");
  }
}

function percentEncode(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9!#$&+\-.^_`|~]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}
