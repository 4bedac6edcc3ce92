/**
 * What signs: a key of a token, of the runtime or of a service, as HTTP sees it. And signature algorithms by their JOSE names (RFC
 * 7518 §3.1, RFC 8037, RFC 8812, RFC 9964): the name HTTP message signatures have for them (RFC 9421 §3.3), the keys they are for,
 * and how they are checked.
 *
 * @module
 */
import { NotSupportedError } from "../../errors.ts";
import { Buffer } from "node:buffer";
import type { JsonWebKeyInput, KeyObject, PublicKeyInput } from "node:crypto";
import { builtin } from "../../../internal/builtin_modules.ts";
import { unexpected } from "../../../internal/expected.ts";
import type { BytesInput } from "../../../internal/platform_types.ts";
import { runtimeName } from "../../../internal/runtime.ts";
import type { LibraryCurve } from "./library_signatures.ts";
import { provesNothing, withLowS } from "../../../internal/elliptic_signatures.ts";

/** A public key as JSON (RFC 7517). */
export interface PublicJwk {
  /** Key type: "RSA", "EC", "OKP", "AKP"; "oct" for a secret that both sides know. */
  readonly kty?: string | undefined;
  /** The one algorithm the key is for. */
  readonly alg?: string | undefined;
  /** What names the key. */
  readonly kid?: string | undefined;
  /** What the key is for: "sig". */
  readonly use?: string | undefined;
  /** Curve, of EC and OKP. */
  readonly crv?: string | undefined;
  /** First coordinate, or the public key of OKP. */
  readonly x?: string | undefined;
  /** Second coordinate. */
  readonly y?: string | undefined;
  /** Modulus of RSA. */
  readonly n?: string | undefined;
  /** Public exponent of RSA. */
  readonly e?: string | undefined;
  /** Public key of AKP. */
  readonly pub?: string | undefined;
  /** The secret, of "oct". */
  readonly k?: string | undefined;
}

/** How a signature is asked for. */
export interface SignOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Signs messages. `tokenSigner(key)` makes one of a key in a token; anything with these members is one. Signatures have
 * JOSE's form: ECDSA's r and s side by side (RFC 7518 §3.4).
 *
 * @example A signer of the runtime's own key, for a test
 * ```ts
 * import type { Signer } from "@gp11/gp11/http";
 *
 * const { privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign"]) as CryptoKeyPair;
 * const signer: Signer = {
 *   algorithm: "EdDSA",
 *   keyId: "test",
 *   sign: async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message)),
 * };
 * await signer.sign(new Uint8Array(3));
 * ```
 */
export interface Signer {
  /** The algorithm by its JOSE name, for example "ES256". */
  readonly algorithm: string;
  /** What names the key to those who verify. */
  readonly keyId: string;
  /** Signs a message. */
  sign(message: Uint8Array<ArrayBuffer>, options?: SignOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Signs synchronously, for messages that are sent so; absent where it cannot. */
  signSync?(message: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** The public key; absent where there is none. */
  publicJwk?(): PublicJwk;
}

/** Checks that a value is a signer. */
export function checkSigner(signer: unknown, what: string): Signer {
  const { algorithm, keyId, sign } = (signer ?? {}) as Partial<Signer>;
  if (typeof sign === "function" && typeof algorithm === "string" && typeof keyId === "string") return signer as Signer;
  throw new TypeError(`Cannot make ${what}: signer has not the members algorithm, keyId and sign`);
}

/**
 * A signature made synchronously, for messages that are sent while their thread is blocked.
 *
 * @throws {NotSupportedError} Where the signer has to wait for it.
 */
export function signInPlace(
  signer: Signer,
  message: Uint8Array<ArrayBuffer>,
  runtime: string,
): Uint8Array<ArrayBuffer> {
  if (signer.signSync === undefined) {
    throw new NotSupportedError("sign a message that is sent synchronously", runtime, "the signer has no signSync");
  }
  return signer.signSync(message);
}

/** Text as the bytes of UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

const encoder = new TextEncoder();

type Bytes = Uint8Array<ArrayBuffer>;

/** An algorithm. */
export interface SignatureAlgorithm {
  /** Its JOSE name. */
  readonly name: string;
  /** Its name in HTTP message signatures; null where they have none. */
  readonly http: string | null;
  /** The key type of its keys. */
  readonly kty: "RSA" | "EC" | "OKP" | "AKP" | "oct";
  /** The curves of its keys; null for keys without a curve. */
  readonly curves: readonly string[] | null;
  /** The hash, as node:crypto calls it; null where the algorithm hashes by itself. */
  readonly hash: string | null;
  /** Whether it is RSASSA-PSS. */
  readonly isPss: boolean;
}

function algorithm(
  name: string,
  kty: SignatureAlgorithm["kty"],
  hash: string | null,
  http: string | null = null,
  curves: readonly string[] | null = null,
): SignatureAlgorithm {
  return { name, http, kty, curves, hash, isPss: name.startsWith("PS") };
}

const algorithms: readonly SignatureAlgorithm[] = [
  algorithm("ES256", "EC", "sha256", "ecdsa-p256-sha256", ["P-256"]),
  algorithm("ES384", "EC", "sha384", "ecdsa-p384-sha384", ["P-384"]),
  algorithm("ES512", "EC", "sha512", null, ["P-521"]),
  algorithm("ES256K", "EC", "sha256", null, ["secp256k1"]),
  algorithm("RS256", "RSA", "sha256", "rsa-v1_5-sha256"),
  algorithm("RS384", "RSA", "sha384"),
  algorithm("RS512", "RSA", "sha512"),
  algorithm("PS256", "RSA", "sha256"),
  algorithm("PS384", "RSA", "sha384"),
  algorithm("PS512", "RSA", "sha512", "rsa-pss-sha512"),
  // First, as it is what "ed25519" means: EdDSA alone is of another curve, too.
  algorithm("Ed25519", "OKP", null, "ed25519", ["Ed25519"]),
  algorithm("EdDSA", "OKP", null, "ed25519", ["Ed25519", "Ed448"]),
  algorithm("Ed448", "OKP", null, null, ["Ed448"]),
  algorithm("HS256", "oct", "sha256", "hmac-sha256"),
  algorithm("HS384", "oct", "sha384"),
  algorithm("HS512", "oct", "sha512"),
  ...["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"].map((name) => algorithm(name, "AKP", null)),
];

/** The algorithm with a JOSE name; null for a name nobody here knows. */
export function algorithmNamed(name: string): SignatureAlgorithm | null {
  return algorithms.find((each) => each.name === name) ?? null;
}

/** The algorithm with a name of HTTP message signatures; null for a name nobody here knows. */
export function httpAlgorithmNamed(name: string): SignatureAlgorithm | null {
  return algorithms.find((each) => each.http === name) ?? null;
}

/** Whether a key is one of an algorithm. A key that names its algorithm is for that one alone (RFC 7517 §4.4). */
export function isKeyFor({ name, kty, curves }: SignatureAlgorithm, key: PublicJwk | SignatureVerifier): boolean {
  if (isVerifier(key)) return key.algorithm === name;
  if (key.kty !== kty || (curves !== null && !curves.includes(key.crv ?? ""))) return false;
  if (key.use !== undefined && key.use !== "sig") return false;
  // RFC 7517 §4.3: what a key does not name may not be done with it.
  const { key_ops: operations } = key as { readonly key_ops?: unknown };
  if (Array.isArray(operations) && !operations.includes("verify")) return false;
  if (kty === "AKP") return key.alg === name;
  return key.alg === undefined || key.alg === name || (kty === "OKP" && (key.alg === "EdDSA" || key.alg === key.crv));
}

/**
 * What HTTP message signatures call the algorithm of a signer (RFC 9421 §3.3).
 *
 * @throws {TypeError} For algorithms they have no name for.
 */
export function httpAlgorithmOf(signer: Signer): string {
  const known = algorithmNamed(signer.algorithm);
  const isOtherCurve = known?.kty === "OKP" && (signer.publicJwk?.().crv ?? "Ed25519") !== "Ed25519";
  if (known !== null && known.http !== null && !isOtherCurve) return known.http;
  const names = algorithms.filter(({ http }) => http !== null).map(({ name }) => name).join(", ");
  throw new TypeError(
    `Cannot sign HTTP messages with ${JSON.stringify(signer.algorithm)}: RFC 9421 has no name for it; it has ${names}`,
  );
}

/**
 * A key that checks signatures where it is, and of its one algorithm alone. `tokenSigner` of a secret key makes one: HMACs
 * are then checked in the token, and their key leaves it no more than for making them.
 */
export interface SignatureVerifier {
  /** The algorithm by its JOSE name, for example "HS256". */
  readonly algorithm: string;
  /** Whether a signature of a message is right. */
  verify(message: Uint8Array<ArrayBuffer>, signature: Uint8Array): Promise<boolean>;
}

/**
 * A public key in one of the forms it is found in: as JSON, as SubjectPublicKeyInfo in PEM or in DER; or a key that verifies
 * where it is.
 */
export type VerificationKey = PublicJwk | string | BytesInput | SignatureVerifier;

function isVerifier(key: unknown): key is SignatureVerifier {
  const { algorithm, verify } = Object(key) as Partial<SignatureVerifier>;
  return typeof algorithm === "string" && typeof verify === "function";
}

/**
 * A verification key as JSON, or what verifies by itself.
 *
 * @throws {TypeError} When it cannot be read.
 */
export function readVerificationKey(key: VerificationKey): PublicJwk | SignatureVerifier {
  if (isVerifier(key)) return key;
  if (typeof key === "object" && key !== null && "kty" in key) return key;
  const isText = typeof key === "string";
  if (!isText && !("byteLength" in Object(key))) throw noKey(key);
  try {
    const input: PublicKeyInput | string = isText
      ? key
      : { key: bytesOf(key as BytesInput), format: "der", type: "spki" };
    return builtin.crypto.createPublicKey(input).export({ format: "jwk" }) as PublicJwk;
  } catch (cause) {
    const why = `the key is no public key in ${isText ? "PEM" : "DER"} that ${runtimeName()} reads`;
    throw new TypeError(`Cannot verify: ${why}; it may know its form as a JSON Web Key`, { cause });
  }
}

/** The error for a value that is no key, with what makes one of it. */
function noKey(value: unknown): TypeError {
  if (Array.isArray(value) || Array.isArray(Object(value).keys)) {
    const finder = "({ kid }) => keys.find((key) => key.kid === kid) ?? null";
    return new TypeError(`Cannot verify: several keys in the place of one; give the one that kid names: ${finder}`);
  }
  const expected =
    "a JSON Web Key, a public key in PEM or DER, or what verifies (publicJwk(key) tells that of a token)";
  return unexpected("verify", `the key to be ${expected}`, value);
}

function bytesOf(source: BytesInput): Buffer {
  return ArrayBuffer.isView(source)
    ? Buffer.from(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength)
    : Buffer.from(source as ArrayBuffer);
}

/**
 * Whether a signature is right. The key must be one of the algorithm; see {@linkcode isKeyFor}.
 *
 * @throws {NotSupportedError} Where neither the runtime nor a library knows such keys.
 */
export function verifySignature(
  { name, hash, isPss, kty }: SignatureAlgorithm,
  key: PublicJwk | SignatureVerifier,
  message: Bytes,
  given: Bytes,
): boolean | Promise<boolean> {
  if (isVerifier(key)) return key.verify(message, given);
  const signature = name === "ES256K" ? withLowS(given) : given;
  if (kty === "oct") return isMac(hash!, key, message, signature);
  if (kty === "RSA") checkExponent(key);
  let publicKey: KeyObject;
  try {
    publicKey = builtin.crypto.createPublicKey({ key: key as JsonWebKeyInput["key"], format: "jwk" });
  } catch (error) {
    if (kty === "RSA" || key.crv === "P-256" || key.crv === "Ed25519") throw unreadable(error);
    if (key.crv === "secp256k1" || key.crv === "Ed448") return verifyElsewhere(key.crv, key, message, signature);
    throw new NotSupportedError(`verify ${name} with a ${key.crv ?? kty} key`, runtimeName(), String(error));
  }
  if (kty === "EC") {
    return builtin.crypto.verify(hash, message, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  }
  if (kty === "OKP" && provesNothing(key.crv!, Buffer.from(key.x!, "base64url"), signature)) return false;
  if (!isPss) return builtin.crypto.verify(hash, message, publicKey, signature);
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = builtin.crypto.constants;
  return builtin.crypto.verify(hash, message, { key: publicKey, padding, saltLength }, signature);
}

/** With a key that the runtime does not know, or that is damaged. */
async function verifyElsewhere(
  curve: LibraryCurve,
  key: PublicJwk,
  message: Bytes,
  signature: Bytes,
): Promise<boolean> {
  const { verifyByLibrary } = await import("./library_signatures.ts");
  const isRight = await verifyByLibrary(curve, key, message, signature);
  if (isRight === null) throw unreadable();
  return isRight;
}

function unreadable(cause?: unknown): TypeError {
  return new TypeError("Cannot verify: the JSON Web Key is damaged", { cause });
}

/** Under an exponent of 1 a signature is the digest itself, which anybody can write; an even one has no private key. */
function checkExponent({ e }: PublicJwk): void {
  const exponent = BigInt(`0x0${Buffer.from(e ?? "", "base64url").toString("hex")}`);
  if (exponent >= 3n && exponent % 2n === 1n) return;
  throw new TypeError(`Cannot verify: the public exponent of the RSA key is ${exponent}, not an odd number from 3 on`);
}

function isMac(hash: string, { k }: PublicJwk, message: Bytes, signature: Uint8Array): boolean {
  const secret = Buffer.from(k ?? "", "base64url");
  if (secret.byteLength === 0) throw new TypeError("Cannot verify: the secret key is empty");
  const expected = builtin.crypto.createHmac(hash, secret).update(message).digest();
  return expected.byteLength === signature.byteLength && builtin.crypto.timingSafeEqual(expected, signature);
}
