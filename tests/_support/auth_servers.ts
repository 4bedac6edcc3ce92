// Servers that ask for credentials, written against the RFCs and not against http/auth: what they compute is computed here.
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
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

function answer(socket: Socket, request: SeenRequest, status: string, body: string, headers: string[] | true): void {
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

/** What an {@linkcode NtlmGuard} knows of a connection. */
interface NtlmConnection {
  state: "new" | "challenged" | "authenticated";
  challenge: Buffer;
  negotiate: Buffer;
  message: Buffer;
}

/** The server's side of NTLMv2 for one account: "user" in the domain "CORP", password {@linkcode ntlmPassword}. */
export class NtlmGuard {
  /** User names of the AUTHENTICATE_MESSAGEs that were let through. */
  readonly accepted: string[] = [];
  /** Why the others were not. */
  readonly refusals: string[] = [];
  /** Rounds begun: NEGOTIATE_MESSAGEs. */
  rounds = 0;
  readonly scheme: string;
  readonly #withClock: boolean;
  readonly #connections = new Map<object, NtlmConnection>();
  readonly #ntHash: Buffer = Buffer.from(ntlmHash, "hex");

  constructor(options: { withClock?: boolean; scheme?: string } = {}) {
    this.#withClock = options.withClock ?? true;
    this.scheme = options.scheme ?? "NTLM";
  }

  /** True when the request may pass, else the challenge to send. */
  check(connection: object, authorization: string): true | string {
    const known = this.#connections.get(connection) ??
      { state: "new", challenge: Buffer.alloc(0), negotiate: Buffer.alloc(0), message: Buffer.alloc(0) };
    this.#connections.set(connection, known);
    if (authorization === "") return known.state === "authenticated" ? true : this.scheme;
    const token = Buffer.from(authorization.slice(this.scheme.length + 1), "base64");
    if (token.readUInt32LE(8) === 1) {
      this.rounds++;
      known.state = "challenged";
      known.negotiate = token;
      known.challenge = createHash("sha1").update(`${Math.random()}`).digest().subarray(0, 8);
      known.message = this.#challengeMessage(known.challenge);
      return `${this.scheme} ${known.message.toString("base64")}`;
    }
    const problem = known.state === "challenged" ? this.#verify(token, known) : "no challenge on this connection";
    known.state = problem === null ? "authenticated" : "new";
    if (problem === null) return true;
    this.refusals.push(problem);
    return this.scheme;
  }

  #challengeMessage(challenge: Buffer): Buffer {
    const pair = (id: number, value: Buffer): Buffer => {
      const head = Buffer.alloc(4);
      head.writeUInt16LE(id, 0);
      head.writeUInt16LE(value.length, 2);
      return Buffer.concat([head, value]);
    };
    const target = Buffer.from("CORP", "utf16le");
    const time = Buffer.alloc(8);
    time.writeBigUInt64LE(133_000_000_000_000_000n);
    const info = Buffer.concat([
      pair(2, target),
      pair(1, Buffer.from("SERVER", "utf16le")),
      ...(this.#withClock ? [pair(7, time)] : []),
      Buffer.alloc(4),
    ]);
    const head = Buffer.alloc(56);
    head.write("NTLMSSP\0", 0, "latin1");
    head.writeUInt32LE(2, 8);
    head.writeUInt16LE(target.length, 12);
    head.writeUInt16LE(target.length, 14);
    head.writeUInt32LE(56, 16);
    head.writeUInt32LE(0xe28a8205, 20);
    challenge.copy(head, 24);
    head.writeUInt16LE(info.length, 40);
    head.writeUInt16LE(info.length, 42);
    head.writeUInt32LE(56 + target.length, 44);
    return Buffer.concat([head, target, info]);
  }

  #verify(message: Buffer, known: NtlmConnection): string | null {
    const field = (at: number): Buffer => {
      const offset = message.readUInt32LE(at + 4);
      return message.subarray(offset, offset + message.readUInt16LE(at));
    };
    if (message.toString("latin1", 0, 8) !== "NTLMSSP\0" || message.readUInt32LE(8) !== 3) {
      return "no AUTHENTICATE_MESSAGE";
    }
    const [nt, domain, user] = [field(20), field(28).toString("utf16le"), field(36).toString("utf16le")];
    const hmac = (key: Buffer, ...parts: Buffer[]): Buffer =>
      createHmac("md5", key).update(Buffer.concat(parts)).digest();
    if (user.toLowerCase() !== "user" || domain !== "CORP") return `unknown account ${domain}\\${user}`;
    const key = hmac(this.#ntHash, Buffer.from(`${user.toUpperCase()}${domain}`, "utf16le"));
    const blob = nt.subarray(16);
    if (!hmac(key, known.challenge, blob).equals(nt.subarray(0, 16))) return "wrong password";
    if (this.#withClock) {
      const sessionKey = hmac(key, nt.subarray(0, 16));
      const unsealed = Buffer.from(message);
      unsealed.fill(0, 72, 88);
      if (!hmac(sessionKey, known.negotiate, known.message, unsealed).equals(message.subarray(72, 88))) {
        return "wrong MIC";
      }
      if (blob.readBigUInt64LE(8) !== 133_000_000_000_000_000n) return "not the server's time";
    } else {
      const lm = field(12);
      if (!hmac(key, known.challenge, lm.subarray(16)).equals(lm.subarray(0, 16))) return "wrong LMv2 response";
    }
    this.accepted.push(`${domain}\\${user}`);
    return null;
  }
}

/** The password of the account behind NTLM. */
export const ntlmPassword = "Pa$$wörd";

/** Its NT hash: `printf 'Pa$$wörd' | iconv -t utf-16le | openssl dgst -provider legacy -provider default -md4`. */
const ntlmHash = "7ae820451e6d1fd64987c6c26779ea5e";

/** A server behind NTLM and what it saw. */
export interface NtlmServer extends SocketServer {
  guard: NtlmGuard;
}

/** Starts a server that authenticates connections with NTLM; `before` are further challenges. */
export async function ntlmServer(
  options: { withClock?: boolean; before?: string[] } = {},
): Promise<NtlmServer> {
  const guard = new NtlmGuard(options);
  const server = await socketServer((request, socket) => {
    const verdict = guard.check(socket, request.headers.get("authorization") ?? "");
    if (verdict === true) return answer(socket, request, "200 OK", `hello ${request.body.length}`, true);
    const challenges = verdict === guard.scheme ? [...options.before ?? [], verdict] : [verdict];
    answer(socket, request, "401 Unauthorized", refusalBody, challenges.map((value) => `WWW-Authenticate: ${value}`));
  });
  return Object.assign(server, { guard });
}
