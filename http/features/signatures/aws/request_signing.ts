/**
 * Requests in the form that AWS signs (AWS Signature Version 4, "Create a canonical request"), and who signs them: secrets
 * (SigV4), as chains of HMACs, and elliptic-curve keys (SigV4a).
 *
 * @module
 */
import { builtin } from "../../../../internal/builtin_modules.ts";
import { toHex } from "../../../../internal/bytes.ts";
import { checkSigner, type Signer, signInPlace, utf8 } from "../signer.ts";

/** A request as it is signed. */
export interface AwsRequest {
  /** The method. */
  readonly method: string;
  /** The URL as it goes out. */
  readonly url: URL;
  /** The fields that are signed, `host` among them; names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The SHA-256 of the body in hexadecimal, or what stands for it. */
  readonly payloadHash: string;
  /** Whether it is for S3, whose paths are encoded once. */
  readonly isS3: boolean;
}

/** When, where and how it is signed. */
interface AwsScope {
  /** The algorithm's name, for example "AWS4-HMAC-SHA256". */
  readonly algorithm: string;
  /** The time, for example "20150830T123600Z". */
  readonly time: string;
  /** Day, region where there is one, service and "aws4_request", with slashes between. */
  readonly scope: string;
}

/** SHA-256 in hexadecimal. */
export function hexSha256(data: string | Uint8Array): string {
  return builtin.crypto.createHash("sha256").update(data).digest("hex");
}

/** The names of the signed fields, as the Authorization field has them. */
export function signedNames({ fields }: AwsRequest): string {
  return fields.map(([name]) => name).sort().join(";");
}

/** The request in canonical form. */
export function canonicalRequest(request: AwsRequest): string {
  const { fields, method, payloadHash, url } = request;
  const lines = [...fields].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, value]) => `${name}:${value.trim().replace(/[\t ]+/g, " ")}\n`);
  return [
    method,
    canonicalPath(request),
    canonicalQuery(url),
    lines.join(""),
    signedNames(request),
    payloadHash,
  ].join("\n");
}

/** What is signed. */
export function stringToSign({ algorithm, scope, time }: AwsScope, request: AwsRequest): string {
  return [algorithm, time, scope, hexSha256(canonicalRequest(request))].join("\n");
}

/** The path as S3 reads it, encoded once; for the other services what goes out is encoded again. */
function canonicalPath({ isS3, url }: AwsRequest): string {
  if (!isS3) return url.pathname.replace(/\/+/g, "/").split("/").map(encoded).join("/");
  return url.pathname.split("/").map(recoded).join("/");
}

function canonicalQuery(url: URL): string {
  return url.search.slice(1).split("&").filter((pair) => pair !== "").map((pair) => {
    const end = pair.indexOf("=");
    const [name, value] = end < 0 ? [pair, ""] : [pair.slice(0, end), pair.slice(end + 1)];
    return [recoded(name), recoded(value)] as const;
  })
    .sort(([a, x], [b, y]) => a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0)
    .map(([name, value]) => `${name}=${value}`).join("&");
}

/** Text of a URL, encoded in AWS's one way; a plus is a space. Bytes that are no UTF-8 stay what they are. */
function recoded(text: string): string {
  return text.replaceAll("+", " ").replace(/%([0-9A-Fa-f]{2})|[^A-Za-z0-9._~-]/g, (each, hex: string | undefined) => {
    const code = hex === undefined ? each.charCodeAt(0) : Number.parseInt(hex, 16);
    const char = String.fromCharCode(code);
    return /[A-Za-z0-9._~-]/.test(char) ? char : `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
  });
}

/** Everything but the unreserved characters of RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Credentials as AWS gives them out. */
export interface AwsCredentials {
  /** Which credentials these are. */
  readonly accessKeyId: string;
  /** The secret. */
  readonly secretAccessKey: string;
  /** Goes along with temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** Where requests go. */
interface AwsPlace {
  /** The region; of SigV4a the regions it is good for, with commas between, or "*". */
  readonly region: string;
  /** The service. */
  readonly service: string;
}

/** Makes a signature of a text, asynchronously or synchronously. */
export interface AwsSigning {
  /** The algorithm's name in the Authorization field. */
  readonly algorithm: "AWS4-HMAC-SHA256" | "AWS4-ECDSA-P256-SHA256";
  /** Which credentials it is. */
  readonly accessKeyId: string;
  /** Goes along with temporary credentials; null for others. */
  readonly sessionToken: string | null;
  /** Day, region where the signature is for one alone, service. */
  scope(day: string): string;
  /** The signature in hexadecimal. */
  sign(day: string, text: string): Promise<string>;
  /** The signature in hexadecimal, made synchronously. */
  signInPlace(day: string, text: string, runtime: string): string;
}

function hmac(key: Uint8Array, text: string): Bytes {
  return new Uint8Array(builtin.crypto.createHmac("sha256", key).update(text).digest());
}

/** Whose signatures they are, and where they count. */
class SignedBy {
  readonly accessKeyId: string;
  readonly sessionToken: string | null;
  protected readonly signer: Signer;
  protected readonly place: AwsPlace;

  constructor(signer: Signer, sessionToken: string | null, place: AwsPlace) {
    this.accessKeyId = signer.keyId;
    this.sessionToken = sessionToken;
    this.signer = signer;
    this.place = place;
  }
}

/**
 * The chain of HMACs. The first one, with the secret, is the signer's: where that is a key of a token, the secret stays there,
 * and what comes out is good for one day. The links behind it are made here.
 */
class HmacChain extends SignedBy implements AwsSigning {
  readonly algorithm = "AWS4-HMAC-SHA256";
  #day = "";
  #key: Bytes | Promise<Bytes> | null = null;

  scope(day: string): string {
    return `${day}/${this.place.region}/${this.place.service}/aws4_request`;
  }

  async sign(day: string, text: string): Promise<string> {
    if (this.#day !== day || this.#key === null) {
      this.#day = day;
      const making = this.signer.sign(utf8(day)).then((key) => this.#rest(key));
      this.#key = making;
      // What has failed is made again for the next request.
      making.then((key) => this.#settle(making, key), () => this.#settle(making, null));
    }
    return toHex(hmac(await this.#key, text));
  }

  signInPlace(day: string, text: string, runtime: string): string {
    if (this.#day !== day || !(this.#key instanceof Uint8Array)) {
      this.#key = this.#rest(signInPlace(this.signer, utf8(day), runtime));
      this.#day = day;
    }
    return toHex(hmac(this.#key, text));
  }

  #settle(making: Promise<Bytes>, key: Bytes | null): void {
    if (this.#key === making) this.#key = key;
  }

  #rest(ofDay: Uint8Array): Bytes {
    const { region, service } = this.place;
    return hmac(hmac(hmac(ofDay, region), service), "aws4_request");
  }
}

/** A P-256 key that AWS knows; its signatures are DER. */
class CurveSigning extends SignedBy implements AwsSigning {
  readonly algorithm = "AWS4-ECDSA-P256-SHA256";

  scope(day: string): string {
    return `${day}/${this.place.service}/aws4_request`;
  }

  async sign(_day: string, text: string): Promise<string> {
    return toHex(derSignature(await this.signer.sign(utf8(text))));
  }

  signInPlace(_day: string, text: string, runtime: string): string {
    return toHex(derSignature(signInPlace(this.signer, utf8(text), runtime)));
  }
}

/**
 * What signs with a signer or with credentials.
 *
 * @throws {TypeError} Where there is neither or both, and for a signer with another algorithm.
 */
export function awsSigning(
  given: { readonly signer?: Signer | undefined; readonly credentials?: AwsCredentials | undefined },
  sessionToken: string | null,
  place: AwsPlace,
): AwsSigning {
  const { credentials, signer } = given;
  if ((signer === undefined) === (credentials === undefined)) {
    throw new TypeError("Cannot make AwsSigV4: it wants either signer or credentials");
  }
  if (credentials !== undefined) {
    return new HmacChain(secretSigner(credentials), credentials.sessionToken ?? sessionToken, place);
  }
  const { algorithm } = checkSigner(signer, "AwsSigV4");
  if (algorithm === "HS256") return new HmacChain(signer!, sessionToken, place);
  if (algorithm === "ES256") return new CurveSigning(signer!, sessionToken, place);
  throw new TypeError(`Cannot make AwsSigV4: the signer's algorithm ${algorithm} is neither HS256 nor ES256`);
}

function secretSigner({ accessKeyId, secretAccessKey }: AwsCredentials): Signer {
  if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string" || secretAccessKey === "") {
    throw new TypeError("Cannot make AwsSigV4: credentials has not the texts accessKeyId and secretAccessKey");
  }
  const secret = utf8(`AWS4${secretAccessKey}`);
  const signSync = (message: Bytes): Bytes =>
    new Uint8Array(builtin.crypto.createHmac("sha256", secret).update(message).digest());
  return { algorithm: "HS256", keyId: accessKeyId, signSync, sign: (message) => Promise.resolve(signSync(message)) };
}

/** r and s side by side as SEQUENCE of two INTEGERs (RFC 3279 §2.2.3). */
function derSignature(signature: Uint8Array): Uint8Array {
  const half = signature.byteLength / 2;
  const numbers = [...derInteger(signature.subarray(0, half)), ...derInteger(signature.subarray(half))];
  return Uint8Array.of(0x30, numbers.length, ...numbers);
}

function derInteger(bytes: Uint8Array): number[] {
  let start = 0;
  while (start < bytes.byteLength - 1 && bytes[start] === 0) start++;
  const digits = [...bytes.subarray(start)];
  if (digits[0]! >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}
