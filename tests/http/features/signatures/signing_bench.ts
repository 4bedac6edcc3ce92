// A server that says whether the signatures of its requests are right, and a signer of the runtime's own.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { PublicJwk, Signer } from "../../../../http/features/signatures/signer.ts";
import type { SignableRequest, SignatureInfo } from "../../../../http/features/signatures/message_parts.ts";
import { MessageSignatureError } from "../../../../http/features/signatures/components.ts";
import { verifyMessage, type VerifyMessageOptions } from "../../../../http/features/signatures/verify_message.ts";
import { reply, type SeenRequest, type SocketServer, socketServer } from "../../../_support/socket_server.ts";

/** A signer whose signatures are counted. */
export interface TestSigner extends Signer {
  /** Signatures made so far. */
  count: number;
  publicJwk(): PublicJwk;
}

/** Makes an Ed25519 signer, or one of what is given. */
export function testSigner(algorithm = "EdDSA", keyId = "test key"): TestSigner {
  const { privateKey, publicKey } = pairFor(algorithm);
  const make = (message: Uint8Array): Uint8Array<ArrayBuffer> => {
    signer.count++;
    const hash = algorithm === "EdDSA" ? null : `sha${algorithm.slice(2)}`;
    return new Uint8Array(sign(hash, message, { key: privateKey, dsaEncoding: "ieee-p1363" }));
  };
  const signer: TestSigner = {
    algorithm,
    keyId,
    count: 0,
    sign: (message) => Promise.resolve(message).then(make),
    signSync: make,
    publicJwk: () => publicKey.export({ format: "jwk" }) as PublicJwk,
  };
  return signer;
}

function pairFor(algorithm: string): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  if (algorithm.startsWith("RS")) return generateKeyPairSync("rsa", { modulusLength: 2048 });
  const namedCurve = { ES256: "P-256", ES384: "P-384", ES512: "P-521" }[algorithm]!;
  return generateKeyPairSync("ec", { namedCurve });
}

/** An HMAC signer. */
export function macSigner(secret: Uint8Array, keyId = "shared"): Signer {
  return {
    algorithm: "HS256",
    keyId,
    sign: (message) => Promise.resolve(new Uint8Array(createHmac("sha256", secret).update(message).digest())),
  };
}

/** What a server has seen, as it is verified. */
export function signable(request: SeenRequest, origin: string): SignableRequest {
  return {
    method: request.method,
    url: `${origin}${request.target}`,
    headers: request.headers,
    trailers: request.trailers,
  };
}

/** What became of a request's signatures: what they say, or why they are refused. */
export type Verdict = readonly SignatureInfo[] | string;

/** A server that verifies. */
export interface VerifyingServer extends AsyncDisposable {
  readonly server: SocketServer;
  readonly origin: string;
  /** One for each request, in order. */
  readonly verdicts: Verdict[];
}

/** Starts a server that verifies requests; `answer` may say what goes back, in place of 200 and 401. */
export async function verifyingServer(
  options: VerifyMessageOptions,
  answer: (request: SeenRequest, verdict: Verdict, index: number) => string | undefined = () => undefined,
): Promise<VerifyingServer> {
  const verdicts: Verdict[] = [];
  const server = await socketServer((request, socket) => {
    const index = server.requests.length - 1;
    void verdictOf(signable(request, server.origin), { content: request.body, ...options }).then((verdict) => {
      verdicts[index] = verdict;
      const usual = typeof verdict === "string" ? reply("401 Unauthorized", verdict) : reply("200 OK", "right");
      socket.write(answer(request, verdict, index) ?? usual);
    });
  });
  return { server, origin: server.origin, verdicts, [Symbol.asyncDispose]: () => server.close() };
}

async function verdictOf(request: SignableRequest, options: VerifyMessageOptions): Promise<Verdict> {
  try {
    return await verifyMessage(request, options);
  } catch (error) {
    return error instanceof MessageSignatureError ? error.reason : String(error);
  }
}

/** The components each signature covers. */
export function covered(verdict: Verdict | undefined): Record<string, readonly string[]> | Verdict | undefined {
  if (verdict === undefined || typeof verdict === "string") return verdict;
  return Object.fromEntries(verdict.map(({ components, label }) => [label, components]));
}
