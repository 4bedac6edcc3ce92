/**
 * The feature that signs the requests of a session (RFC 9421), with digests of their contents (RFC 9530).
 *
 * @module
 */
import type { Connection } from "../../transports/connection.ts";
import type { SessionFeature } from "../../contract/feature.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { freshBody } from "../../message/body_source.ts";
import { type HttpMessage, messageState } from "../../message/message.ts";
import { checkOwnOptions, type OptionNames, wholeNumber } from "../../../internal/expected.ts";
import { checkSigner, httpAlgorithmOf, type Signer } from "./signer.ts";
import { type Component, namedComponent, type StructuredFieldType } from "./components.ts";
import {
  checkDigestAlgorithm,
  ContentDigest,
  type ContentDigestAlgorithm,
  SignatureTrailers,
} from "./content_digest.ts";
import {
  freeLabel,
  notSigned,
  OwnFields,
  presentAttempt,
  signAttempt,
  type SigningAttempt,
  SigningScope,
  signInTrailers,
  type WantedSignature,
} from "./signing_feature.ts";
import { RequestedSignatures } from "./requested_signatures.ts";
import { checkLabel, checkTag, componentsOf, secondsNow } from "./sign_message.ts";

/** How a session signs. */
export interface MessageSignaturesOptions {
  /** What signs, for example `tokenSigner(key)`. */
  readonly signer: Signer;
  /**
   * What is covered: fields by name, derived components such as "@method", with parameters as in
   * `@query-param;name="id"`; or a function that says it for each message. A body that is covered by its digest gets a
   * Content-Digest field. Left out, "@method" and "@target-uri" are covered, of messages with a body "content-digest"
   * too, and "content-type" where there is one.
   */
  readonly components?: Iterable<string> | ((msg: HttpMessage) => Iterable<string>) | undefined;
  /**
   * What the signature is called within the message. Where another one has the name, a number is added.
   *
   * @default {"sig"}
   */
  readonly label?: string | undefined;
  /** Gives the time, in seconds since 1970. Without it that is the machine's. */
  readonly created?: (() => number) | undefined;
  /** Seconds after which a signature is no longer valid. */
  readonly expires?: number | undefined;
  /** Gives each signature a nonce. */
  readonly nonce?: (() => string) | undefined;
  /** The application the signatures are for. */
  readonly tag?: string | undefined;
  /**
   * Whether signatures name their algorithm: verifiers know it from the key.
   *
   * @default {false}
   */
  readonly alg?: boolean | undefined;
  /**
   * How contents are digested.
   *
   * @default {"sha-256"}
   */
  readonly contentDigest?: ContentDigestAlgorithm | undefined;
  /** The origins whose requests are signed. Without it that to which a message is sent first, never one of a redirect. */
  readonly scope?: Iterable<string | URL> | undefined;
  /** Types of structured fields, for components with the parameter `sf`, beside those of fields HTTP defines. */
  readonly structuredFields?: Readonly<Record<string, StructuredFieldType>> | undefined;
}

const optionNames: OptionNames<MessageSignaturesOptions> = {
  signer: true,
  components: true,
  label: true,
  created: true,
  expires: true,
  nonce: true,
  tag: true,
  alg: true,
  contentDigest: true,
  scope: true,
  structuredFields: true,
};

const DIGEST = namedComponent("content-digest");
const DIGEST_IN_TRAILERS = namedComponent("content-digest", "tr");
const TYPE = namedComponent("content-type");
/** Seconds until a signature expires whose server wants it to, where nobody says after how many. */
const DEFAULT_LIFETIME = 300;
const DEFAULT_COMPONENTS: readonly Component[] = ["@method", "@target-uri"].map((name) => namedComponent(name));

/** What this feature keeps of a message. */
interface Signing {
  /** The fields it has put on the message. */
  readonly fields: OwnFields;
  /** What is sent behind the body of the present attempt. */
  trailers: SignatureTrailers | null;
  /** The Accept-Signature that the present attempt answers; null for none. */
  answered: string | null;
}

/**
 * Signs requests: the last thing before they leave, so that whatever other features have put into them is covered. Each
 * attempt is signed anew, after a redirect, a restart, a retry; a message that leaves the scope takes no signature along.
 * Signatures that a server asks for with Accept-Signature are made too, and a 401 that asks for one is answered once.
 *
 * Bodies are digested as they are sent. Those that are streams and can be sent once only are not gathered: digest and
 * signature go behind them as trailer fields, where the transport can (`capabilities.requestTrailers`); the message is
 * refused otherwise. A Content-Digest that is there before such a stream is sent is taken at its word.
 *
 * A signer that fails ends the message with `IO_ERROR` and its error in `msg.error`; nothing is sent.
 *
 * @example Sign requests to one API
 * ```ts
 * import { HttpSession, MessageSignatures, MockTransport, type Signer } from "@gp11/gp11/http";
 * import { assertMatch } from "@std/assert";
 *
 * const { privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign"]) as CryptoKeyPair;
 * const signer: Signer = {
 *   algorithm: "EdDSA",
 *   keyId: "client-1",
 *   sign: async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message)),
 * };
 * const mock = new MockTransport((request) => new Response(request.headers.get("signature-input")));
 * const signatures = new MessageSignatures({ signer, scope: ["https://api.example"] });
 * await using session = new HttpSession({ features: [mock, signatures] });
 * const response = await session.fetch("https://api.example/orders", { method: "POST", body: "{}" });
 * assertMatch(await response.text(), /^sig=\("@method" "@target-uri" "content-digest" "content-type"\);created=/);
 * ```
 */
export class MessageSignatures implements SessionFeature {
  readonly #signer: Signer;
  readonly #algorithm: string;
  readonly #components: ((msg: HttpMessage) => readonly Component[]) | null;
  readonly #label: string;
  readonly #created: () => number;
  readonly #expires: number | null;
  readonly #nonce: (() => string) | null;
  readonly #tag: string | undefined;
  readonly #alg: string | undefined;
  readonly #digest: ContentDigestAlgorithm;
  readonly #scope: SigningScope;
  readonly #types: Readonly<Record<string, StructuredFieldType>> | undefined;
  readonly #messages = new WeakMap<HttpMessage, Signing>();
  readonly #requested = new RequestedSignatures();

  /**
   * Makes the feature.
   *
   * @throws {TypeError} For an algorithm RFC 9421 does not know, and for options that are none.
   * @throws {RangeError} For an `expires` that is negative or no whole number.
   */
  constructor(options: MessageSignaturesOptions) {
    this.#signer = checkSigner(options?.signer, "MessageSignatures");
    this.#algorithm = httpAlgorithmOf(this.#signer);
    checkOwnOptions("make MessageSignatures", options, optionNames, ["created", "nonce"]);
    const { alg = false, components, created = secondsNow, expires, nonce, tag } = options;
    this.#components = componentsFor(components);
    this.#label = checkLabel(options.label ?? "sig");
    this.#created = created;
    this.#expires = expires === undefined ? null : wholeNumber("expires", expires);
    this.#nonce = nonce ?? null;
    this.#tag = checkTag(tag);
    this.#alg = alg ? this.#algorithm : undefined;
    this.#digest = checkDigestAlgorithm(options.contentDigest ?? "sha-256");
    this.#scope = new SigningScope(options.scope);
    this.#types = options.structuredFields;
  }

  /** Forgets what an earlier sending has left. Called by the session. */
  requestQueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#scope.begin(msg);
    const signing = this.#messages.get(msg);
    if (signing !== undefined) signing.answered = null;
  }

  /**
   * Takes the last attempt's signature away, and says before a transport is chosen that fields go behind the body. Called by
   * the session.
   */
  requestStarting(session: FeatureSession, msg: HttpMessage): void {
    const known = this.#messages.get(msg);
    known?.fields.remove(msg);
    const uri = this.#scope.allowed(session, msg);
    if (uri === null) return;
    const signing = known ?? { fields: new OwnFields(), trailers: null, answered: null };
    if (known === undefined) this.#messages.set(msg, signing);
    signing.trailers = null;
    if (!(msg.requestBody instanceof ReadableStream) || !this.#wantsDigest(msg, uri)) return;
    signing.trailers = new SignatureTrailers(this.#digest);
    (messageState(msg).requestTrailers ??= []).push(signing.trailers);
  }

  /** Signs. Called by the session. */
  requestStarted(session: FeatureSession, msg: HttpMessage, _connection: Connection): void | Promise<void> {
    try {
      return this.#start(session, msg);
    } catch (error) {
      notSigned(error);
    }
  }

  #start(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const uri = this.#scope.allowed(session, msg);
    const signing = this.#messages.get(msg);
    if (uri === null || signing === undefined) return;
    const { fields, trailers } = signing;
    const { runtime } = session.capabilities;
    const attempt: SigningAttempt = { msg, uri, fields, runtime, signer: this.#signer, types: this.#types };
    const sign = (): void | Promise<void> => signAttempt(attempt, this.#wanted(msg, uri));
    if (trailers !== null) {
      signInTrailers(
        attempt,
        this.#wanted(msg, uri).filter(({ isOptional }) => !isOptional).map(withDigestInTrailers),
        trailers,
      );
      return;
    }
    if (!this.#wantsDigest(msg, uri)) return sign();
    const digest = new ContentDigest(this.#digest);
    const { requestBody: body } = msg;
    if (typeof body !== "function") {
      if (body instanceof Uint8Array) digest.update(body);
      fields.set(msg, DIGEST.name, digest.field());
      return sign();
    }
    const isPresent = presentAttempt(msg);
    return digest.updateFrom(freshBody(body)).then(() => {
      if (!isPresent()) return;
      fields.set(msg, DIGEST.name, digest.field());
      return sign();
    }, notSigned);
  }

  /** Looks whether the server asks for another signature. Called by the session. */
  gotHeaders(session: FeatureSession, msg: HttpMessage): void {
    const field = msg.responseHeaders.get("accept-signature");
    const signing = this.#messages.get(msg);
    if (field === null || signing === undefined) return;
    const uri = this.#scope.allowed(session, msg);
    if (uri === null) return;
    const isAnswerable = this.#requested.remember(uri.origin, field, this.#signer.keyId, this.#algorithm);
    if (!isAnswerable || msg.statusCode !== 401 || signing.answered !== null) return;
    if (msg.requestBody instanceof ReadableStream) return;
    signing.answered = field;
    session.requeueMessage(msg, { after: "body" });
  }

  #covered(msg: HttpMessage): readonly Component[] {
    if (this.#components !== null) return this.#components(msg);
    if (msg.requestBody === null) return DEFAULT_COMPONENTS;
    return msg.requestHeaders.has(TYPE.name) ? [...DEFAULT_COMPONENTS, DIGEST, TYPE] : [...DEFAULT_COMPONENTS, DIGEST];
  }

  /** Whether a digest is to be covered that nobody has made yet. */
  #wantsDigest(msg: HttpMessage, uri: URL): boolean {
    if (msg.requestHeaders.has(DIGEST.name)) return false;
    return this.#covered(msg).some(isDigest) ||
      this.#requested.of(uri).some(({ components }) => components.some(isDigest));
  }

  /** The signatures of one attempt: the session's own, and those that the server has asked for. */
  #wanted(msg: HttpMessage, uri: URL): readonly WantedSignature[] {
    const created = wholeNumber("created", this.#created());
    const common = { created, keyid: this.#signer.keyId || undefined };
    const asked = this.#requested.take(uri).map(
      ({ components, label, parameters, wantsExpiry }): WantedSignature => {
        const life = this.#expires ?? (wantsExpiry ? DEFAULT_LIFETIME : null);
        const expires = life === null ? undefined : created + life;
        return { label, components, parameters: { ...common, ...parameters, expires }, isOptional: true };
      },
    );
    const label = freeLabel(msg, this.#label, asked.map((each) => each.label));
    const expires = this.#expires === null ? undefined : created + this.#expires;
    const parameters = { ...common, alg: this.#alg, expires, nonce: this.#nonce?.(), tag: this.#tag };
    const own: WantedSignature = { label, components: this.#covered(msg), parameters, isOptional: false };
    return [own, ...asked];
  }
}

function isDigest({ identifier }: Component): boolean {
  return identifier === DIGEST.identifier;
}

function withDigestInTrailers(wanted: WantedSignature): WantedSignature {
  return { ...wanted, components: wanted.components.map((each) => isDigest(each) ? DIGEST_IN_TRAILERS : each) };
}

function componentsFor(
  components: MessageSignaturesOptions["components"],
): ((msg: HttpMessage) => readonly Component[]) | null {
  if (components === undefined) return null;
  if (typeof components === "function") return (msg) => componentsOf(components(msg));
  const fixed = componentsOf(components);
  return () => fixed;
}
