/**
 * Signatures of messages, checked: by servers, of the requests they receive; by clients, of responses (RFC 9421 §3.2).
 *
 * @module
 */
import {
  checkIterable,
  checkOptions,
  checkTextOptions,
  checkTexts,
  finiteTime,
  type OptionNames,
  refuseUnknown,
  unexpected,
  zeroOrMore,
} from "../../../internal/expected.ts";
import {
  algorithmNamed,
  httpAlgorithmNamed,
  isKeyFor,
  readVerificationKey,
  type SignatureAlgorithm,
  utf8,
  type VerificationKey,
  verifySignature,
} from "./signer.ts";
import {
  type Component,
  isSameComponent,
  MessageSignatureError,
  namedComponent,
  parseComponent,
  type SignedParts,
  type StructuredFieldType,
} from "./components.ts";
import { isContentOf } from "./content_digest.ts";
import {
  isResponse,
  partsOf,
  type ReceivedSignature,
  refusal,
  type SignableMessage,
  type SignableRequest,
  type SignatureInfo,
  signaturesOf,
} from "./message_parts.ts";
import { secondsNow, signatureBase } from "./sign_message.ts";

/** A key that was found for a signature, with its algorithm where the key does not imply it. */
export type FoundKey = VerificationKey | {
  /** The key. */
  readonly key: VerificationKey;
  /** The algorithm, by its JOSE or HTTP name. RSA keys want one: they serve two. */
  readonly algorithm: string;
};

/** How signatures are checked. */
export interface VerifyMessageOptions {
  /** Finds the key of a signature; null for a key nobody knows. */
  key(info: SignatureInfo): FoundKey | null | Promise<FoundKey | null>;
  /**
   * What a signature must cover. Left out, it is "@method" and "@target-uri" for requests, "@status" for responses, and
   * "content-digest" too for a message with a body.
   */
  readonly required?: Iterable<string> | undefined;
  /** The label of the signature that counts; all are looked at otherwise. */
  readonly label?: string | undefined;
  /** Only signatures for this application count. */
  readonly tag?: string | undefined;
  /**
   * The oldest a signature may be, in seconds; Infinity for any age, and for signatures that do not say.
   *
   * @default {300}
   */
  readonly maxAge?: number | undefined;
  /**
   * Seconds by which clocks may differ.
   *
   * @default {30}
   */
  readonly tolerance?: number | undefined;
  /** The time to check against, in seconds since 1970; now where it is left out. */
  readonly now?: number | undefined;
  /** Says whether a nonce is new, and remembers it. Without it, nonces are not looked at. */
  readonly isNewNonce?: ((nonce: string | null, info: SignatureInfo) => boolean | Promise<boolean>) | undefined;
  /** The body, where it was read already. Of a `Request` or `Response` it is read from a copy otherwise. */
  readonly content?: Uint8Array | undefined;
  /** The request a response answers. */
  readonly request?: SignableRequest | undefined;
  /** Types of structured fields, for components with the parameter `sf`, beside those of fields HTTP defines. */
  readonly structuredFields?: Readonly<Record<string, StructuredFieldType>> | undefined;
}

/** What is to be checked must not be left unchecked for its name. */
const verifyMessageNames: OptionNames<VerifyMessageOptions> = {
  key: true,
  required: true,
  label: true,
  tag: true,
  maxAge: true,
  tolerance: true,
  now: true,
  isNewNonce: true,
  content: true,
  request: true,
  structuredFields: true,
};

/** Seconds a signature is good for. */
const MAX_AGE = 300;
/** Seconds by which clocks may differ. */
const TOLERANCE = 30;
const DIGEST = namedComponent("content-digest");

/**
 * Checks the signatures of a message: gives those that are right, cover what they must and are of known keys.
 *
 * Of several signatures one is enough, as proxies on the way may have broken others; with `label` that one must be right. A
 * digest that is covered is compared with the body.
 *
 * @throws {MessageSignatureError} When there is none; `reason` says why.
 * @throws {TypeError} When a key cannot be read.
 *
 * @example A server checks who asks
 * ```ts
 * import { MessageSignatureError, type PublicJwk, verifyMessage } from "@gp11/gp11/http";
 *
 * async function handle(request: Request, clients: Map<string, PublicJwk>): Promise<Response> {
 *   try {
 *     const [signature] = await verifyMessage(request, { key: ({ keyId }) => clients.get(keyId ?? "") ?? null });
 *     return new Response(`hello ${signature!.keyId}`);
 *   } catch (error) {
 *     if (!(error instanceof MessageSignatureError)) throw error;
 *     return new Response(error.message, { status: 401 });
 *   }
 * }
 * ```
 */
export async function verifyMessage(
  message: SignableMessage,
  options: VerifyMessageOptions,
): Promise<readonly SignatureInfo[]> {
  if (typeof options?.key !== "function") throw new TypeError("Cannot verify the message: key is no function");
  checkOptions("verify the message", options, ["isNewNonce"]);
  refuseUnknown("verify the message", options, verifyMessageNames);
  checkTextOptions("verify the message", options, ["label", "tag"]);
  checkContentOption(options);
  timesOf(options);
  const parts = partsOf(message, options.request ?? null);
  const required = requiredOf(message, options);
  const verified: SignatureInfo[] = [];
  let failure: unknown = null;
  for (const signed of signaturesOf(parts, options)) {
    try {
      const signature = signed();
      await checkSignature(signature, parts, required, options);
      await checkCoverage(signature, message, parts, options);
      await checkContent(signature, message, parts, options);
      await checkNonce(signature, options);
      verified.push(signature.info);
    } catch (error) {
      if (!(error instanceof MessageSignatureError)) throw error;
      failure ??= error;
    }
  }
  if (verified.length === 0) throw failure;
  return verified;
}

/** A text would have no length in bytes, and pass for no body. */
function checkContentOption({ content }: VerifyMessageOptions): void {
  if (content === undefined || content instanceof Uint8Array) return;
  throw unexpected("verify the message", "content to be a Uint8Array", content);
}

/** The components a signature must cover, whatever body there is. */
function requiredOf(message: SignableMessage, { required }: VerifyMessageOptions): readonly Component[] {
  if (required === undefined) {
    return (isResponse(message) ? ["@status"] : ["@method", "@target-uri"]).map(parseComponent);
  }
  checkIterable("verify the message", required, "required to be an iterable of component names");
  const names = [...required];
  checkTexts("verify the message", "required", names);
  return names.map(parseComponent);
}

/** A body that no digest covers could be anything. */
async function checkCoverage(
  { components, info }: ReceivedSignature,
  message: SignableMessage,
  parts: SignedParts,
  options: VerifyMessageOptions,
): Promise<void> {
  if (options.required !== undefined || components.some((component) => covers(component, DIGEST))) return;
  if (await hasBody(message, parts, options)) {
    throw refusal("coverage", "it does not cover content-digest, and there is a body", info.label);
  }
}

async function hasBody(
  message: SignableMessage,
  parts: SignedParts,
  { content }: VerifyMessageOptions,
): Promise<boolean> {
  if (content !== undefined) return content.byteLength > 0;
  if (!("body" in message)) return !isResponse(message) && saysBody(parts);
  const isRead = !(message instanceof Request || message instanceof Response) || message.bodyUsed;
  if (message.body === null || isRead) return message.body !== null;
  // Servers (Deno's) give requests without a body an empty one.
  const reader = (message.clone().body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return false;
    if (value.byteLength === 0) continue;
    // Waits for the other branch, which is read by whoever handles the message.
    void reader.cancel().catch(() => {});
    return true;
  }
}

/** Whether the fields of a request announce a body (RFC 9112 §6.3). */
function saysBody(parts: SignedParts): boolean {
  return parts.field("transfer-encoding") !== null || Number(parts.field("content-length")?.[0] ?? 0) !== 0;
}

async function checkSignature(
  { components, info, params, signature }: ReceivedSignature,
  parts: SignedParts,
  required: readonly Component[],
  options: VerifyMessageOptions,
): Promise<void> {
  const { label } = info;
  const lacking = required.find((wanted) => !components.some((component) => covers(component, wanted)));
  if (lacking !== undefined) throw refusal("coverage", `it does not cover ${lacking.identifier}`, label);
  checkTime(info, options);
  const found = await options.key(info);
  if (found === null || found === undefined) throw refusal("key", "its key is not known", label);
  const { algorithm, key } = algorithmOf(found, info);
  const base = signatureBase(components, params, parts, options.structuredFields);
  const isRight = await verifySignature(algorithm, key, utf8(base), signature);
  if (!isRight) throw refusal("signature", "it is wrong", label);
}

async function checkNonce({ info }: ReceivedSignature, options: VerifyMessageOptions): Promise<void> {
  if (options.isNewNonce === undefined || await options.isNewNonce(info.nonce, info)) return;
  throw refusal("replayed", "its nonce was seen before", info.label);
}

/** A digest in the trailers is as good as one in the header. */
function covers(component: Component, wanted: Component): boolean {
  if (isSameComponent(component, wanted)) return true;
  return wanted.identifier === DIGEST.identifier && component.identifier === '"content-digest";tr';
}

/** The limits for the times of a signature. With NaN or text as a limit, every signature would be valid. */
function timesOf(options: VerifyMessageOptions): { maxAge: number; now: number; tolerance: number } {
  return {
    maxAge: zeroOrMore("maxAge", options.maxAge ?? MAX_AGE, "seconds"),
    now: finiteTime("now", options.now ?? secondsNow(), "seconds"),
    tolerance: finiteTime("tolerance", options.tolerance ?? TOLERANCE, "seconds"),
  };
}

function checkTime({ created, expires, label }: SignatureInfo, options: VerifyMessageOptions): void {
  const { maxAge, now, tolerance } = timesOf(options);
  if (created !== null && created > now + tolerance) throw refusal("expired", "it was made in the future", label);
  if (expires !== null && expires + tolerance < now) throw refusal("expired", "it has expired", label);
  if (maxAge === Infinity) return;
  if (created === null) throw refusal("expired", "it does not say when it was made", label);
  if (created + maxAge + tolerance < now) throw refusal("expired", `it is older than ${maxAge} s`, label);
}

type ReadKey = ReturnType<typeof readVerificationKey>;

/** The one algorithm a key is used with; what the signature names must be it (RFC 9421 §3.2, step 6). */
function algorithmOf(
  found: FoundKey,
  info: SignatureInfo,
): { algorithm: SignatureAlgorithm; key: ReadKey } {
  const isNamed = typeof found === "object" && "key" in found && "algorithm" in found;
  const key = readVerificationKey(isNamed ? found.key : found as VerificationKey);
  const said = info.algorithm === null ? null : httpAlgorithmNamed(info.algorithm);
  if (info.algorithm !== null && said === null) {
    throw refusal("algorithm", `its algorithm ${JSON.stringify(info.algorithm)} is not known`, info.label);
  }
  const algorithm = isNamed ? named(found.algorithm) : said ?? onlyAlgorithm(key, info.label);
  const isRight = isKeyFor(algorithm, key) && isKeyFor(httpAlgorithmNamed(algorithm.http!)!, key) &&
    (said === null || said.http === algorithm.http);
  if (isRight) return { algorithm, key };
  throw refusal("algorithm", `its algorithm is not the one of its key`, info.label);
}

function named(name: string): SignatureAlgorithm {
  const algorithm = algorithmNamed(name) ?? httpAlgorithmNamed(name);
  if (algorithm?.http) return algorithm;
  throw new TypeError(`Cannot verify with the algorithm ${JSON.stringify(name)}: RFC 9421 does not know it`);
}

/** The algorithm a key implies; RSA keys serve two, of which none is guessed. */
function onlyAlgorithm(key: ReadKey, label: string): SignatureAlgorithm {
  const curves: Readonly<Record<string, string>> = { "P-256": "ES256", "P-384": "ES384", Ed25519: "EdDSA" };
  const name = "verify" in key ? key.algorithm : key.alg ?? (key.kty === "oct" ? "HS256" : curves[key.crv ?? ""]);
  const algorithm = name === undefined ? null : algorithmNamed(name);
  if (algorithm?.http) return algorithm;
  throw refusal("algorithm", "neither it nor its key names the algorithm", label);
}

/** Compares the body with the digest that a signature covers; the answer to HEAD has none. */
async function checkContent(
  { components, info }: ReceivedSignature,
  message: SignableMessage,
  parts: SignedParts,
  { content, request }: VerifyMessageOptions,
): Promise<void> {
  if (request?.method === "HEAD") return;
  for (const { name, parameters } of components) {
    if (name !== "content-digest" || parameters.has("req")) continue;
    const lines = parameters.has("tr") ? parts.trailer(name) : parts.field(name);
    if (await isContentOf(lines!.join(", "), content ?? bodyOf(message))) continue;
    throw refusal("content", "the body is not the one whose digest it covers", info.label);
  }
}

function bodyOf(message: SignableMessage): Uint8Array | ReadableStream<Uint8Array> {
  if (message instanceof Request || message instanceof Response) {
    if (message.bodyUsed) {
      throw new TypeError("Cannot verify the message: its body was read already; give it as the option content");
    }
    return message.clone().body as ReadableStream<Uint8Array> | null ?? new Uint8Array(0);
  }
  throw new TypeError(
    "Cannot verify the message: a digest of its body is signed; give the body as the option content, beside key",
  );
}
