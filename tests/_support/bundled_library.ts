// Bundled by a test and run where no package can be found: uses all that the library loads late, and prints a line for each.
import { Module, type Session } from "@gp11/gp11";
import { main as commandLine } from "@gp11/gp11/cli";
import {
  CacheRedisStore,
  CookieJar,
  CookieSqliteStore,
  FetchTransport,
  HttpCache,
  HttpMessage,
  HttpSession,
  MockTransport,
  parseStructuredList,
} from "@gp11/gp11/http";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function step(name: string, use: () => unknown): Promise<void> {
  try {
    await use();
    say(name);
  } catch (error) {
    say(`${name} ${error}`);
  }
}

/** An answer that nobody has to be asked for. */
const answering = (headers: Record<string, string>) => new MockTransport(() => new Response("x", { headers }));

/** A token may refuse a key of a kind that it does not know, once the key has been read. */
function checkRefused(error: Error): void {
  if (error.name !== "Pkcs11Error") throw error;
}

async function useHttp(): Promise<void> {
  await step("cookies", async () => {
    await using session = new HttpSession({ features: [new CookieJar(), answering({ "set-cookie": "a=1" })] });
    await session.fetch("https://a.example/");
  });
  await step("cache", async () => {
    const features = [new HttpCache(), answering({ "cache-control": "max-age=60" })];
    await using session = new HttpSession({ features });
    await (await session.fetch("https://a.example/")).text();
    const { headers } = await session.fetch("https://a.example/");
    if (!headers.has("age")) throw new Error("it was not kept");
  });
  await step("structured fields", () => parseStructuredList("a, b"));
  await step("fetch", async () => {
    const transport = new FetchTransport({ fetch: () => Promise.reject(new TypeError("refused")) });
    await using session = new HttpSession({ transport });
    const error = await session.fetch("http://a.example/").catch((error: Error) => error);
    if (!String(error).includes("refused")) throw error;
  });
  await step("websocket", openWebSocket);
  await step("redis", async () => {
    await using cache = new HttpCache({ store: new CacheRedisStore({ url: "redis://127.0.0.1:1/0" }) });
    let failed: unknown;
    cache.addEventListener("store-error", ({ error }) => failed = error);
    await using session = new HttpSession({ features: [cache, answering({})] });
    await (await session.fetch("https://a.example/")).text();
    if (!/refused/i.test(`${failed} ${(failed as Error).cause}`)) throw failed;
  });
  await step("sqlite", async () => {
    await using jar = new CookieJar({ store: new CookieSqliteStore(":memory:") });
    await jar.setCookie("a=1; max-age=60", "https://a.example/");
  });
  await step("synchronous", async () => {
    await using session = new HttpSession();
    const message = new HttpMessage("GET", "http://127.0.0.1:1/");
    session.sendMessageSync(message);
    if (message.statusCode !== 4) throw message.error;
  });
}

/** A server that agrees to a WebSocket and closes it at once. */
async function openWebSocket(): Promise<void> {
  const server = createServer();
  server.on("upgrade", ({ headers }, socket) => {
    const key = `${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const fields = `upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n`;
    socket.end(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\x88\x00`, "latin1");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await using session = new HttpSession();
    const socket = await session.websocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
  } finally {
    server.close();
  }
}

/** Private keys, the number one or bytes of it, of which the public half is to be worked out. */
const privateKeys: Readonly<Record<string, string>> = {
  "P-256": sec1("06082a8648ce3d030107", 32),
  "P-224": sec1("06052b81040021", 28),
  "secp256k1": sec1("06052b8104000a", 32),
  "brainpoolP256r1": sec1("06092b2403030208010107", 32),
  "Ed25519": `302e020100300506032b657004220420${"01".repeat(32)}`,
  "Ed448": `3047020100300506032b6571043b0439${"01".repeat(57)}`,
  "ML-DSA-44": `3034020100300b060960864801650304031104228020${"01".repeat(32)}`,
  "ML-KEM-768": `3054020100300b060960864801650304040204428040${"01".repeat(64)}`,
};

/** An ECPrivateKey without its public half (RFC 5915). */
function sec1(curve: string, length: number): string {
  const number = `04${hex(length)}${"01".padStart(length * 2, "0")}`;
  const parts = `020101${number}a0${hex(curve.length / 2)}${curve}`;
  return `30${hex(parts.length / 2)}${parts}`;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

async function importKeys(session: Session): Promise<void> {
  for (const [name, der] of Object.entries(privateKeys)) {
    const key = Uint8Array.from(der.match(/../g)!, (octet) => Number.parseInt(octet, 16));
    await step(name, () => session.importKeyPair(key, {}, {}).catch(checkRefused));
  }
}

async function useToken(path: string): Promise<void> {
  await using module = await Module.load(path);
  const [slot] = await module.slots({ tokenPresent: true });
  await using session = await slot!.openSession({ readWrite: true, login: { pin: "1234" } });
  await importKeys(session);
}

async function program(): Promise<void> {
  say(`command line ${typeof commandLine}`);
  await useHttp();
  const [path] = process.argv.slice(2);
  if (path !== undefined) await useToken(path);
}

void program();
