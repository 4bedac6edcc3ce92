/**
 * The feature that signs requests to AWS and to what speaks like it.
 *
 * @module
 */
import { builtin } from "../../../../internal/builtin_modules.ts";
import { type OptionNames, refuseUnknown } from "../../../../internal/expected.ts";
import type { SessionFeature } from "../../../contract/feature.ts";
import type { FeatureSession } from "../../../contract/feature_session.ts";
import { isBlocking } from "../../../contract/blocking.ts";
import { NotSupportedError } from "../../../errors.ts";
import { freshBody } from "../../../message/body_source.ts";
import type { HttpMessage } from "../../../message/message.ts";
import type { Connection } from "../../../transports/connection.ts";
import { notSigned, OwnFields, presentAttempt, SigningScope } from "../signing_feature.ts";
import type { Signer } from "../signer.ts";
import {
  type AwsCredentials,
  type AwsRequest,
  type AwsSigning,
  awsSigning,
  hexSha256,
  signedNames,
  stringToSign,
} from "./request_signing.ts";

/** How a session signs for AWS. */
export interface AwsSigV4Options {
  /**
   * What signs; its `keyId` is the access key id. A secret key of a token, whose value is "AWS4" and the secret, makes SigV4
   * (HS256); a P-256 key makes SigV4a (ES256).
   */
  readonly signer?: Signer | undefined;
  /** Credentials, where no signer has them. */
  readonly credentials?: AwsCredentials | undefined;
  /** The session token of temporary credentials, beside a signer. */
  readonly sessionToken?: string | undefined;
  /** The region, for example "eu-central-1"; of SigV4a regions with commas between, or "*". */
  readonly region: string;
  /** The service, for example "s3". */
  readonly service: string;
  /** The origins whose requests are signed. Without it that to which a message is sent first, never one of a redirect. */
  readonly scope?: Iterable<string | URL> | undefined;
}

const optionNames: OptionNames<AwsSigV4Options> = {
  signer: true,
  credentials: true,
  sessionToken: true,
  region: true,
  service: true,
  scope: true,
};

const UNSIGNED = "UNSIGNED-PAYLOAD";

/**
 * Signs requests with AWS Signature Version 4, or 4a where the key is one of a curve. Each attempt is signed anew, with the
 * time it is made; a message that leaves the scope takes no signature along. Host, Content-Type and the fields `x-amz-…` are
 * covered, and the body by its SHA-256. Bodies that are streams and can be sent once only are not gathered: S3 gets them
 * unsigned, over TLS alone; other services refuse such signatures, and so does this feature.
 *
 * With a signer from a token the secret stays in the token: it makes the first link of the chain of HMACs once a day.
 *
 * @example Objects of a bucket
 * ```ts
 * import { AwsSigV4, HttpSession, type Signer } from "@gp11/gp11/http";
 *
 * function bucket(signer: Signer): HttpSession {
 *   return new HttpSession({ features: [new AwsSigV4({ signer, region: "eu-central-1", service: "s3" })] });
 * }
 * ```
 */
export class AwsSigV4 implements SessionFeature {
  readonly #signing: AwsSigning;
  readonly #region: string;
  readonly #isS3: boolean;
  readonly #scope: SigningScope;
  readonly #messages = new WeakMap<HttpMessage, OwnFields>();

  /**
   * Makes the feature.
   *
   * @throws {TypeError} Unless there is either a signer (HS256 or ES256) or credentials, and a region and a service.
   */
  constructor(options: AwsSigV4Options) {
    const { region, service, sessionToken = null } = options ?? {};
    for (const [name, value] of [["region", region], ["service", service]]) {
      if (typeof value !== "string" || value === "") throw new TypeError(`Cannot make AwsSigV4: ${name} is no text`);
    }
    refuseUnknown("make AwsSigV4", options, optionNames);
    this.#signing = awsSigning(options, sessionToken, { region, service });
    this.#region = region;
    this.#isS3 = service.startsWith("s3");
    this.#scope = new SigningScope(options.scope);
  }

  /** Forgets where the message was sent to before. Called by the session. */
  requestQueued(_session: FeatureSession, msg: HttpMessage): void {
    this.#scope.begin(msg);
  }

  /** Takes the last attempt's signature away. Called by the session. */
  requestStarting(session: FeatureSession, msg: HttpMessage): void {
    this.#messages.get(msg)?.remove(msg);
    if (this.#scope.allowed(session, msg) !== null && !this.#messages.has(msg)) {
      this.#messages.set(msg, new OwnFields());
    }
  }

  /** Signs. Called by the session. */
  requestStarted(session: FeatureSession, msg: HttpMessage, _connection: Connection): void | Promise<void> {
    const url = this.#scope.allowed(session, msg);
    const fields = this.#messages.get(msg);
    if (url === null || fields === undefined || msg.requestHeaders.has("authorization")) return;
    try {
      const { runtime } = session.capabilities;
      const { requestBody: body } = msg;
      if (typeof body !== "function") return this.#sign(msg, url, fields, this.#hashOf(msg, url, runtime), runtime);
      const isPresent = presentAttempt(msg);
      return hashOfStream(freshBody(body)).then((hash) => {
        if (isPresent()) return this.#sign(msg, url, fields, hash, runtime);
      }).catch(notSigned);
    } catch (error) {
      notSigned(error);
    }
  }

  #hashOf({ requestBody: body }: HttpMessage, url: URL, runtime: string): string {
    if (!(body instanceof ReadableStream)) return hexSha256(body as Uint8Array | null ?? "");
    if (this.#isS3 && url.protocol === "https:") return UNSIGNED;
    const reason = "its hash must be known before it is sent; give bytes, a Blob, or a function that makes the stream";
    throw new NotSupportedError("sign a body that is a stream", runtime, reason);
  }

  #sign(msg: HttpMessage, url: URL, fields: OwnFields, payloadHash: string, runtime: string): void | Promise<void> {
    const signing = this.#signing;
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const day = time.slice(0, 8);
    fields.set(msg, "x-amz-date", time);
    if (this.#isS3) fields.set(msg, "x-amz-content-sha256", payloadHash);
    if (signing.sessionToken !== null) fields.set(msg, "x-amz-security-token", signing.sessionToken);
    if (signing.algorithm === "AWS4-ECDSA-P256-SHA256") fields.set(msg, "x-amz-region-set", this.#region);
    const { method } = msg;
    const request: AwsRequest = { method, url, fields: coveredFields(msg, url), payloadHash, isS3: this.#isS3 };
    const { accessKeyId, algorithm } = signing;
    const scope = signing.scope(day);
    const text = stringToSign({ algorithm, time, scope }, request);
    const isPresent = presentAttempt(msg);
    const put = (signature: string): void => {
      if (!isPresent()) return;
      const signed = `SignedHeaders=${signedNames(request)}, Signature=${signature}`;
      fields.set(msg, "authorization", `${algorithm} Credential=${accessKeyId}/${scope}, ${signed}`);
    };
    if (isBlocking(msg)) return put(signing.signInPlace(day, text, runtime));
    return signing.sign(day, text).then(put, notSigned);
  }
}

/** What has to be covered, and what nobody on the way changes. */
function coveredFields({ requestHeaders }: HttpMessage, url: URL): [name: string, value: string][] {
  const fields = [...requestHeaders].filter(([name]) => name === "content-type" || name.startsWith("x-amz-"));
  return [["host", requestHeaders.get("host") ?? url.host], ...fields];
}

async function hashOfStream(stream: ReadableStream<Uint8Array>): Promise<string> {
  const hash = builtin.crypto.createHash("sha256");
  for await (const piece of stream) hash.update(piece);
  return hash.digest("hex");
}
