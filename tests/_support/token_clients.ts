// A token with client keys on P-256 and RSA, their certificates, and TLS servers that ask for them.
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { promisify } from "node:util";
import { gnutlsPath } from "../../tools/native_libraries.ts";
import { Module } from "../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import { ending, listening } from "./listening.ts";
import { freePort, spawnServer, stopServer, untilListening } from "./server_programs.ts";
import { createToken, softhsmModule, softhsmSkip, type TestToken } from "./softhsm.ts";
import { makeCertificates, type TestCertificates } from "./tls_certificates.ts";

const run = promisify(execFile);

/** For `it(name, { skip: tokenTlsSkip }, …)`: what TLS with a key in a token lacks, else false. */
export const tokenTlsSkip: string | false = softhsmSkip !== false
  ? softhsmSkip
  : gnutlsPath() === null
  ? "GnuTLS is not installed"
  : false;

/** One client: its key is in the token, and out of it for comparison. */
export interface TokenClient {
  readonly key: Pkcs11Object;
  readonly keyUri: string;
  readonly certificateUri: string;
  readonly pem: string;
  readonly keyFile: string;
  readonly subject: string;
}

/** Everything the tests of TLS with keys in tokens share. */
export interface TokenClients extends AsyncDisposable {
  readonly token: TestToken;
  readonly certificates: TestCertificates;
  readonly module: Module;
  /** A session that is logged in, and reads and writes. */
  readonly session: Session;
  readonly ec: TokenClient;
  readonly rsa: TokenClient;
}

/**
 * Makes the token and the clients.
 *
 * @param through A module that stands in front of SoftHSM2's.
 */
export async function tokenClients(through?: string): Promise<TokenClients> {
  softhsmModule();
  const made = createToken();
  const token = { ...made, module: through ?? made.module };
  const certificates = await makeCertificates();
  const module = await Module.load(token.module);
  const slot = await module.findSlot(token.label);
  const session = await slot.openSession({ readWrite: true, login: { pin: token.userPin } });
  const client = async (name: "ec" | "rsa", pem: string, keyFile: string, subject: string): Promise<TokenClient> => {
    const id = new TextEncoder().encode(name);
    const key = await session.importKey(await readFile(keyFile, "utf8"), { token: true, label: name, id, sign: true });
    await session.importCertificate(pem, { token: true, label: name, id });
    const uri = `pkcs11:token=${encodeURIComponent(token.label)};object=${name}`;
    return { key, keyUri: `${uri};type=private`, certificateUri: `${uri};type=cert`, pem, keyFile, subject };
  };
  const { directory } = certificates;
  const openssl = (...args: string[]) => run("openssl", args, { cwd: directory });
  await openssl(..."req -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.csr -subj /O=gp11/CN=rsa".split(" "));
  await openssl(..."x509 -req -in rsa.csr -CA ca.pem -CAkey ca.key -days 1000 -out rsa.pem".split(" "));
  return {
    token,
    certificates,
    module,
    session,
    ec: await client("ec", certificates.client.cert, certificates.client.keyFile, "CN=gp11 test client,O=gp11"),
    rsa: await client("rsa", await readFile(`${directory}/rsa.pem`, "utf8"), `${directory}/rsa.key`, "CN=rsa,O=gp11"),
    async [Symbol.asyncDispose]() {
      await module.close();
      await certificates.remove();
    },
  };
}

/** Starts `openssl s_server` that demands a client certificate and answers each GET with what it has seen. */
export async function opensslServer(
  { certificates }: Pick<TokenClients, "certificates">,
  authority: string,
  ...more: readonly string[]
): Promise<AsyncDisposable & { readonly port: number }> {
  const port = await freePort();
  const { good } = certificates;
  const files = ["-cert", good.certFile, "-key", good.keyFile, "-CAfile", authority];
  const args = ["s_server", "-accept", String(port), ...files, "-Verify", "2", "-verify_return_error", "-www", ...more];
  const child = spawnServer("openssl", args);
  await untilListening(port, child);
  return { port, [Symbol.asyncDispose]: () => stopServer(child) };
}

/** The numbers of the extensions in the ClientHello that what a client has sent begins with (RFC 8446 §4.1.2). */
export function helloExtensions(sent: string): number[] {
  const bytes = Buffer.from(sent, "latin1");
  // Behind the headers, a version and random bytes: what earlier sessions were called, cipher suites, compressions.
  let at = 5 + 4 + 2 + 32;
  at += 1 + bytes.readUInt8(at);
  at += 2 + bytes.readUInt16BE(at);
  at += 1 + bytes.readUInt8(at);
  const end = at + 2 + bytes.readUInt16BE(at);
  const found: number[] = [];
  for (at += 2; at < end; at += 4 + bytes.readUInt16BE(at + 2)) found.push(bytes.readUInt16BE(at));
  return found;
}

/** A relay in front of a server: what clients have sent, and a cut after so many bytes of the server. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Where the next connections lead. */
  target: number;
  /** Connections so far. */
  connections: number;
  /** Connections on which clients have said something. */
  heard: number;
  /** What the clients have sent, in Latin-1. */
  sent: string;
  /** Ends the next connections after so many bytes of the server. */
  cutAfter: number;
  /** Whether bytes of the server are kept from the clients. */
  holds: boolean;
  /** What the clients get of the alert by which the server says that no more will follow. */
  lastAlert: "all" | "half" | "none";
  /** Connections that are open. */
  readonly open: ReadonlySet<Socket>;
}

/** What a server sends, record by record. */
class ServerRecords {
  #rest = Buffer.alloc(0);
  /** Whether an alert was there: the server waits for the client to close then. */
  hasAlert = false;

  /** What there is of whole records, with all or half of each alert left out. */
  without(bytes: Uint8Array, alerts: "half" | "none"): Buffer {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const passed: Buffer[] = [];
    while (this.#rest.length >= 5) {
      const [type, length] = [this.#rest[0]!, this.#rest.readUInt16BE(3)];
      if (this.#rest.length < 5 + length) break;
      const record = this.#rest.subarray(0, 5 + length);
      this.#rest = this.#rest.subarray(5 + length);
      // Since TLS 1.3 an alert is known by its length alone: two bytes, their type and a tag of 16.
      if (type !== 21 && (type !== 23 || length !== 19)) {
        passed.push(record);
        continue;
      }
      this.hasAlert = true;
      if (alerts === "half") passed.push(record.subarray(0, record.length >> 1));
    }
    return Buffer.concat(passed);
  }
}

/** How many TLS records a text of Latin-1 is made of; throws where it is made of something else, too. */
export function recordsIn(sent: string): number {
  const bytes = Buffer.from(sent, "latin1");
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const [type, major, length] = [bytes[at]!, bytes[at + 1], bytes.length - at < 5 ? NaN : bytes.readUInt16BE(at + 3)];
    if (type < 20 || type > 23 || major !== 3 || !(at + 5 + length <= bytes.length)) {
      throw new Error(`What was sent is no TLS at byte ${at} of ${bytes.length}`);
    }
    at += 5 + length;
  }
  return count;
}

/** Starts a relay. */
export async function relayTo(port: number): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    relay.connections++;
    const upstream = connect(relay.target, "127.0.0.1");
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => {}).on("close", () => open.delete(socket));
    }
    client.once("data", () => relay.heard++);
    client.on("data", (bytes: Uint8Array) => {
      relay.sent += Buffer.from(bytes).toString("latin1");
      upstream.write(bytes);
    });
    client.on("close", () => upstream.destroy());
    let left = relay.cutAfter;
    const records = new ServerRecords();
    upstream.on("data", (received: Uint8Array) => {
      if (relay.holds || left <= 0) return;
      const bytes = relay.lastAlert === "all" ? received : records.without(received, relay.lastAlert);
      client.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0 || records.hasAlert) client.end();
    });
    upstream.on("end", () => client.end());
  });
  const ownPort = await listening(server);
  const relay: Relay = {
    port: ownPort,
    target: port,
    connections: 0,
    heard: 0,
    sent: "",
    cutAfter: Infinity,
    holds: false,
    lastAlert: "all",
    open,
    [Symbol.asyncDispose]: () => ending(server, open),
  };
  return relay;
}
