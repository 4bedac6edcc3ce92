// Servers that ask for credentials, written against the RFCs and not against http/auth: what they compute is computed here.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { reply, type SeenRequest, type SocketServer, socketServer, type SocketServerOptions } from "./socket_server.ts";

/** The transports of this runtime a test goes over. Node has no fetch with connections of its own. */
export const authTransports: readonly ("fetch" | "node")[] = "Deno" in globalThis || "Bun" in globalThis
  ? ["fetch", "node"]
  : ["node"];

/** The body of every refusal. */
export const refusalBody = "who are you?";

/** Starts a server that lets through what `check` accepts and sends `challenges` otherwise. */
export function guardedServer(
  check: (authorization: string, request: SeenRequest) => boolean | string[],
  challenges: string[] | ((request: SeenRequest) => string[]),
  options: SocketServerOptions = {},
): Promise<SocketServer> {
  return socketServer((request, socket) => {
    const verdict = check(request.headers.get("authorization") ?? "", request);
    if (verdict !== false) return answer(socket, request, "200 OK", `hello from ${request.target}`, verdict);
    const list = typeof challenges === "function" ? challenges(request) : challenges;
    answer(socket, request, "401 Unauthorized", refusalBody, list.map((challenge) => `WWW-Authenticate: ${challenge}`));
  }, options);
}

/** Answers a request; a HEAD request without the body. */
export function answer(
  socket: Socket,
  request: SeenRequest,
  status: string,
  body: string,
  headers: string[] | true,
): void {
  const text = reply(status, body, headers === true ? [] : headers);
  socket.write(request.method === "HEAD" ? text.slice(0, text.indexOf("\r\n\r\n") + 4) : text);
}

/** The value of a Basic Authorization field. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Options of {@linkcode digestServer}. */
export interface DigestServerOptions {
  /** @default {"MD5"} */
  algorithm?: string;
  /** The qop parameter; null leaves it out (RFC 2069). @default {"auth"} */
  qop?: string | null;
  /** @default {"digest realm"} */
  realm?: string;
  /** @default {{ user: "alice", password: "secret" }} */
  user?: string;
  password?: string;
  /** Ask for hashed user names. */
  userhash?: boolean;
  /** Say charset=UTF-8. */
  utf8?: boolean;
  /** Keep user and password in UTF-8, as a password file does, without saying so. */
  secretUtf8?: boolean;
  /** Uses of a nonce before it is stale. @default {Infinity} */
  nonceUses?: number;
  /** Send a nextnonce with each answer. */
  nextNonce?: boolean;
  /** Send rspauth: right, wrong, or over the body (auth-int). */
  proof?: "right" | "wrong" | "body" | "wrong-body";
  /** Further parameters of the challenge. */
  extra?: string;
  /** Further challenges, in front. */
  before?: string[];
}

/** A Digest server and what it saw. */
export interface DigestServer extends SocketServer {
  /** Parameters of each Digest Authorization field that was let through. */
  accepted: Map<string, string>[];
  /** Why each refused one was refused. */
  refusals: string[];
}

const hashes: Record<string, string> = { "MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512-256" };

/** Starts a server that checks Digest as RFC 7616 says. */
export async function digestServer(options: DigestServerOptions = {}): Promise<DigestServer> {
  const guard = new DigestGuard(options);
  const server = await guardedServer(
    (authorization, request) => guard.check(authorization, request.method, request.target, request.body),
    () => guard.challenges(),
  );
  return Object.assign(server, { accepted: guard.accepted, refusals: guard.refusals });
}

/** The server's side of Digest, for origins and proxies alike. */
export class DigestGuard {
  readonly accepted: Map<string, string>[] = [];
  readonly refusals: string[] = [];
  readonly #options: DigestServerOptions;
  readonly #nonces = new Map<string, { counts: Set<string>; session: string | null }>();
  readonly #hash: (...parts: (string | Uint8Array)[]) => string;
  readonly #name: string;
  #isStale = false;

  constructor(options: DigestServerOptions) {
    this.#options = options;
    this.#name = (options.algorithm ?? "MD5").replace(/-sess$/, "");
    this.#hash = (...parts) => {
      const hash = createHash(hashes[this.#name]!);
      parts.forEach((part, index) => hash.update(index === 0 ? "" : ":").update(part));
      return hash.digest("hex");
    };
  }

  get realm(): string {
    return this.#options.realm ?? "digest realm";
  }

  #newNonce(session: string | null = null): string {
    const nonce = `nonce-${this.#nonces.size}-${Math.random().toString(36).slice(2)}==`;
    this.#nonces.set(nonce, { counts: new Set(), session });
    return nonce;
  }

  challenges(): string[] {
    const { algorithm, before = [], extra, qop = "auth", userhash, utf8 } = this.#options;
    const parameters = [
      `realm="${this.realm.replace(/["\\]/g, "\\$&")}"`,
      `nonce="${this.#newNonce()}"`,
      'opaque="o\\"p"',
    ];
    if (algorithm !== undefined) parameters.push(`algorithm=${algorithm}`);
    if (qop !== null) parameters.push(`qop="${qop}"`);
    if (userhash) parameters.push("userhash=true");
    if (utf8) parameters.push("charset=UTF-8");
    if (this.#isStale) parameters.push("stale=TRUE");
    if (extra !== undefined) parameters.push(extra);
    this.#isStale = false;
    return [...before, `Digest ${parameters.join(", ")}`];
  }

  /** True or header fields when the field is right. */
  check(authorization: string, method: string, target: string, body: Uint8Array): boolean | string[] {
    if (!/^digest /i.test(authorization)) return false;
    const sent = new Map<string, string>();
    for (
      const [, name, quoted, bare] of authorization.slice(7).matchAll(/([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)
    ) {
      sent.set(name!, quoted === undefined ? bare! : quoted.replace(/\\(.)/g, "$1"));
    }
    const problem = this.#verify(sent, method, target, body);
    if (problem !== null) {
      this.refusals.push(problem);
      this.#isStale = problem === "stale";
      return false;
    }
    this.accepted.push(sent);
    return this.#info(sent, target);
  }

  #verify(sent: Map<string, string>, method: string, target: string, body: Uint8Array): string | null {
    const { nonceUses = Infinity, secretUtf8, user = "alice", userhash, utf8 } = this.#options;
    const qops = this.#options.qop === null ? null : (this.#options.qop ?? "auth").split(/, */);
    const nonce = this.#nonces.get(sent.get("nonce") ?? "");
    const encoded = Buffer.from(user, utf8 || secretUtf8 || /[^\0-\xff]/.test(user) ? "utf8" : "latin1");
    if (nonce === undefined) return "unknown nonce";
    if (Buffer.from(sent.get("realm") ?? "", "latin1").toString() !== this.realm) return "wrong realm";
    if (sent.get("opaque") !== 'o"p') return "wrong opaque";
    if (sent.get("uri") !== target) return `wrong uri ${sent.get("uri")}`;
    if (sent.get("algorithm") !== this.#options.algorithm) return "wrong algorithm";
    const name = sent.has("username*")
      ? Buffer.from(decodeURIComponent(sent.get("username*")!.replace(/^UTF-8''/, "")))
      : Buffer.from(sent.get("username") ?? "", "latin1");
    const expectedName = userhash ? Buffer.from(this.#hash(encoded, this.realm)) : encoded;
    if (!name.equals(expectedName)) return "wrong username";
    const qop = sent.get("qop") ?? null;
    if (qops === null ? qop !== null : qop === null || !qops.includes(qop)) return `wrong qop ${qop}`;
    if (sent.get("response") !== this.#response(sent, method, body)) return "wrong response";
    const count = sent.get("nc") ?? `${nonce.counts.size}`;
    if (qop !== null && !/^[0-9a-f]{8}$/.test(count)) return "wrong nc";
    if (nonce.counts.has(count)) return "replayed nc";
    if (nonce.counts.size >= nonceUses) return "stale";
    nonce.counts.add(count);
    return null;
  }

  #key(sent: Map<string, string>): string {
    const { password = "secret", secretUtf8, user = "alice", utf8 } = this.#options;
    const encode = (text: string): Buffer =>
      Buffer.from(text, utf8 || secretUtf8 || /[^\0-\xff]/.test(text) ? "utf8" : "latin1");
    const key = this.#hash(encode(user), this.realm, encode(password));
    if (!this.#options.algorithm?.endsWith("-sess")) return key;
    const nonce = this.#nonces.get(sent.get("nonce")!)!;
    nonce.session ??= this.#hash(key, sent.get("nonce")!, sent.get("cnonce")!);
    return nonce.session;
  }

  #response(sent: Map<string, string>, method: string, body: Uint8Array, qop = sent.get("qop")): string {
    const a2 = qop === "auth-int"
      ? this.#hash(method, sent.get("uri")!, this.#hash(body))
      : this.#hash(method, sent.get("uri")!);
    if (qop === undefined) return this.#hash(this.#key(sent), sent.get("nonce")!, a2);
    return this.#hash(this.#key(sent), sent.get("nonce")!, sent.get("nc")!, sent.get("cnonce")!, qop, a2);
  }

  #info(sent: Map<string, string>, target: string): string[] {
    const { nextNonce, proof } = this.#options;
    const info: string[] = [];
    if (nextNonce) {
      const session = this.#options.algorithm?.endsWith("-sess") ? this.#key(sent) : null;
      info.push(`nextnonce="${this.#newNonce(session)}"`);
    }
    if (proof !== undefined) {
      const isBody = proof.endsWith("body");
      const body = Buffer.from(proof === "body" ? `hello from ${target}` : "something else");
      const right = this.#response(sent, "", body, isBody ? "auth-int" : sent.get("qop"));
      info.push(`rspauth="${proof === "wrong" ? "0".repeat(right.length) : right}"`);
      info.push(
        `cnonce="${sent.get("cnonce")}"`,
        `nc=${sent.get("nc")}`,
        `qop=${isBody ? "auth-int" : sent.get("qop")}`,
      );
    }
    return info.length > 0 ? [`Authentication-Info: ${info.join(", ")}`] : [];
  }
}
