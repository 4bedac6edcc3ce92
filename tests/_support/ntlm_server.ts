// A server behind NTLM, written against MS-NLMP and not against http/auth: what it computes is computed here.
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import type { TlsOptions } from "node:tls";
import { answer, refusalBody } from "./auth_servers.ts";
import { type SocketServer, socketServer } from "./socket_server.ts";

/** What an {@linkcode NtlmGuard} knows of a connection. */
interface NtlmConnection {
  state: "new" | "challenged" | "authenticated";
  challenge: Buffer;
  negotiate: Buffer;
  message: Buffer;
}

/** Options of {@linkcode NtlmGuard}. */
export interface NtlmOptions {
  /** Send a timestamp, and so want a message integrity code. @default {true} */
  withClock?: boolean;
  /** Name of the scheme. @default {"NTLM"} */
  scheme?: string;
  /** Want this channel binding hash, in hexadecimal. */
  binding?: string;
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

  readonly #binding: string | null;

  constructor(options: NtlmOptions = {}) {
    this.#binding = options.binding ?? null;
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
    if (this.#binding !== null && !blob.toString("hex").includes(`0a001000${this.#binding}`)) return "wrong binding";
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
  options: NtlmOptions & { before?: string[]; tls?: TlsOptions } = {},
): Promise<NtlmServer> {
  const guard = new NtlmGuard(options);
  const server = await socketServer((request, socket) => {
    const verdict = guard.check(socket, request.headers.get("authorization") ?? "");
    if (verdict === true) return answer(socket, request, "200 OK", `hello ${request.body.length}`, true);
    const challenges = verdict === guard.scheme ? [...options.before ?? [], verdict] : [verdict];
    answer(socket, request, "401 Unauthorized", refusalBody, challenges.map((value) => `WWW-Authenticate: ${value}`));
  }, options.tls === undefined ? {} : { tls: options.tls });
  return Object.assign(server, { guard });
}
