/**
 * Proofs that whoever shows an access token has the key it is bound to (RFC 9449 §4), and the feature that sends one with each
 * request.
 *
 * @module
 */
import { builtin } from "../../../../internal/builtin_modules.ts";
import { toBase64Url } from "../../../../internal/bytes.ts";
import { type OptionNames, refuseUnknown } from "../../../../internal/expected.ts";
import { runtimeCrypto } from "../../../../internal/runtime.ts";
import { checkSigner, type PublicJwk, type Signer, signInPlace, type SignOptions } from "../signer.ts";
import { secondsNow } from "../sign_message.ts";
import { type JwsInput, jwsInput } from "./json_web_signature.ts";
import type { Connection } from "../../../transports/connection.ts";
import type { SessionFeature } from "../../../contract/feature.ts";
import type { FeatureSession } from "../../../contract/feature_session.ts";
import type { HttpMessage } from "../../../message/message.ts";
import { parseChallenges } from "../../../protocol/challenges.ts";
import { parseMediaType } from "../../../protocol/media_type.ts";
import { isBlocking } from "../../../contract/blocking.ts";
import { notSigned, OwnFields, presentAttempt, SigningScope } from "../signing_feature.ts";

/** What a proof is for. */
export interface DpopProofOptions extends SignOptions {
  /** The method of the request. */
  readonly method: string;
  /** The URL of the request; query and fragment do not count. */
  readonly url: string | URL;
  /** The nonce the server has given last. */
  readonly nonce?: string | undefined;
  /** The access token that goes with the request. */
  readonly accessToken?: string | undefined;
}

const proofNames: OptionNames<DpopProofOptions> = {
  method: true,
  url: true,
  nonce: true,
  accessToken: true,
  signal: true,
};

/**
 * Makes the value of the DPoP field, for one request.
 *
 * @throws {TypeError} For a signer without a public key.
 *
 * @example A proof for a library that sends by itself
 * ```ts
 * import { dpopProof, type Signer } from "@gp11/gp11/http";
 *
 * async function headers(signer: Signer, accessToken: string): Promise<Headers> {
 *   const proof = await dpopProof(signer, { method: "GET", url: "https://api.example/me", accessToken });
 *   return new Headers({ authorization: `DPoP ${accessToken}`, dpop: proof });
 * }
 * ```
 */
export async function dpopProof(signer: Signer, options: DpopProofOptions): Promise<string> {
  refuseUnknown("make a proof", options, proofNames);
  const { compact, message } = proofInput(signer, dpopKey(signer), options);
  return compact(await signer.sign(message, { signal: options.signal }));
}

/** Lays out what is signed. */
function proofInput(
  signer: Signer,
  jwk: PublicJwk,
  { accessToken, method, nonce, url }: DpopProofOptions,
): JwsInput {
  const target = new URL(url);
  target.search =
    target.hash =
    target.username =
    target.password =
      "";
  const claims = {
    jti: runtimeCrypto().randomUUID(),
    htm: method,
    htu: target.href,
    iat: secondsNow(),
    ...(accessToken === undefined ? {} : { ath: hashOf(accessToken) }),
    ...(nonce === undefined ? {} : { nonce }),
  };
  return jwsInput(signer, claims, { typ: "dpop+jwt", kid: undefined, jwk });
}

function hashOf(accessToken: string): string {
  return toBase64Url(builtin.crypto.createHash("sha256").update(accessToken).digest());
}

/** Members of a key that make it (RFC 7638 §3.2, RFC 9964 §3). */
const MEMBERS: readonly (keyof PublicJwk)[] = ["kty", "crv", "x", "y", "n", "e"];

/**
 * The public key as it stands in a proof: nothing but the key.
 *
 * @throws {TypeError} For a signer that has none.
 */
function dpopKey(signer: Signer): PublicJwk {
  const key = checkSigner(signer, "a DPoP proof").publicJwk?.();
  if (key === undefined || key.kty === "oct" || signer.algorithm.startsWith("HS")) {
    throw new TypeError("Cannot make a DPoP proof: the signer has no public key");
  }
  const members = key.kty === "AKP" ? [...MEMBERS, "alg" as const, "pub" as const] : MEMBERS;
  return Object.fromEntries(members.filter((name) => key[name] !== undefined).map((name) => [name, key[name]]));
}

/** How a session proves possession. */
export interface DpopOptions {
  /** What signs; access tokens are bound to its public key. */
  readonly signer: Signer;
  /**
   * The access token, or what gives it for each request; null for none. It goes out as `Authorization: DPoP …`, where a
   * message has no Authorization of its own. Without it there are proofs alone, as token endpoints want them.
   */
  readonly accessToken?: string | (() => string | null | Promise<string | null>) | undefined;
  /** The origins that get proofs and the token. Without it that to which a message is sent first, never one of a redirect. */
  readonly scope?: Iterable<string | URL> | undefined;
}

const optionNames: OptionNames<DpopOptions> = { signer: true, accessToken: true, scope: true };

/** Times a message is sent again because its server has given another nonce. */
const MOST_NONCES = 2;
/** Origins whose nonces are remembered. */
const MOST_ORIGINS = 1000;

interface ProofState {
  readonly fields: OwnFields;
  /** The nonce in the present attempt's proof. */
  nonce: string | undefined;
  /** How often the message was sent again. */
  repeats: number;
}

/**
 * Puts a DPoP proof on each request, and the access token with it. Each attempt gets a proof of its own, with the nonce its
 * server has given last; a server that wants another one is answered by sending the message again. A message with an
 * `Authorization: DPoP` of its own gets a proof for that token.
 *
 * A signer that fails ends the message with `IO_ERROR` and its error in `msg.error`; nothing is sent.
 *
 * @example An API with bound tokens
 * ```ts
 * import { Dpop, HttpSession, type Signer } from "@gp11/gp11/http";
 *
 * function client(signer: Signer, accessToken: string): HttpSession {
 *   return new HttpSession({ features: [new Dpop({ signer, accessToken, scope: ["https://api.example"] })] });
 * }
 * ```
 */
export class Dpop implements SessionFeature {
  readonly #signer: Signer;
  readonly #key: PublicJwk;
  readonly #accessToken: DpopOptions["accessToken"];
  readonly #scope: SigningScope;
  readonly #nonces = new Map<string, string>();
  readonly #messages = new WeakMap<HttpMessage, ProofState>();

  /**
   * Makes the feature.
   *
   * @throws {TypeError} For a signer without a public key, and options that are none.
   */
  constructor(options: DpopOptions) {
    this.#signer = checkSigner(options?.signer, "Dpop");
    refuseUnknown("make Dpop", options, optionNames);
    this.#key = dpopKey(this.#signer);
    this.#accessToken = options.accessToken;
    this.#scope = new SigningScope(options.scope);
  }

  /** Forgets what an earlier sending has left. Called by the session. */
  requestQueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#scope.begin(msg);
    const proving = this.#messages.get(msg);
    if (proving !== undefined) proving.repeats = 0;
  }

  /** Takes the last attempt's fields away and puts the access token on the request. Called by the session. */
  requestStarting(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const known = this.#messages.get(msg);
    known?.fields.remove(msg);
    if (this.#scope.allowed(session, msg) === null) return;
    const proving = known ?? { fields: new OwnFields(), nonce: undefined, repeats: 0 };
    if (known === undefined) this.#messages.set(msg, proving);
    if (this.#accessToken === undefined || msg.requestHeaders.has("authorization")) return;
    const token = typeof this.#accessToken === "string" ? this.#accessToken : this.#accessToken();
    const isPresent = presentAttempt(msg);
    const put = (token: string | null): void => {
      if (token !== null && isPresent()) proving.fields.set(msg, "authorization", `DPoP ${token}`);
    };
    return token instanceof Promise ? token.then(put) : put(token);
  }

  /** Puts the proof on the request. Called by the session. */
  requestStarted(session: FeatureSession, msg: HttpMessage, _connection: Connection): void | Promise<void> {
    const url = this.#scope.allowed(session, msg);
    const proving = this.#messages.get(msg);
    if (url === null || proving === undefined) return;
    try {
      const nonce = proving.nonce = this.#nonces.get(url.origin);
      const accessToken = /^DPoP +(\S+)$/i.exec(msg.requestHeaders.get("authorization") ?? "")?.[1];
      const { compact, message } = proofInput(this.#signer, this.#key, { method: msg.method, url, nonce, accessToken });
      const isPresent = presentAttempt(msg);
      const put = (signature: Uint8Array): void => {
        if (isPresent()) proving.fields.set(msg, "dpop", compact(signature));
      };
      if (isBlocking(msg)) return put(signInPlace(this.#signer, message, session.capabilities.runtime));
      return this.#signer.sign(message).then(put, notSigned);
    } catch (error) {
      notSigned(error);
    }
  }

  /** Takes the nonce a server gives, and answers one that wants it. Called by the session. */
  gotHeaders(session: FeatureSession, msg: HttpMessage): void {
    const nonce = msg.responseHeaders.get("dpop-nonce");
    const proving = this.#messages.get(msg);
    if (nonce === null || proving === undefined) return;
    const url = this.#scope.allowed(session, msg);
    if (url === null) return;
    this.#remember(url.origin, nonce);
    if (nonce === proving.nonce || proving.repeats >= MOST_NONCES || !wantsNonce(msg)) return;
    if (msg.requestBody instanceof ReadableStream) return;
    proving.repeats++;
    session.requeueMessage(msg, { after: "body" });
  }

  #remember(origin: string, nonce: string): void {
    this.#nonces.delete(origin);
    this.#nonces.set(origin, nonce);
    for (const oldest of this.#nonces.keys()) if (this.#nonces.size > MOST_ORIGINS) this.#nonces.delete(oldest);
  }
}

/**
 * Whether a server has refused a request for its nonce: a resource says so in its challenge (§9), a token endpoint in a
 * JSON body (§8), which nobody has read yet; one more try with the new nonce does no harm then.
 */
function wantsNonce({ responseHeaders, statusCode }: HttpMessage): boolean {
  if (statusCode === 400) {
    return parseMediaType(responseHeaders.get("content-type") ?? "")?.essence === "application/json";
  }
  if (statusCode !== 401) return false;
  const challenges = parseChallenges(responseHeaders.get("www-authenticate") ?? "");
  return challenges.some(({ parameters }) => parameters.get("error") === "use_dpop_nonce");
}
