// The main roads of HTTP in few steps: `task test:versions` runs this on the oldest and the newest runtimes.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import {
  ContentDecoder,
  CookieJar,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  TlsDatabase,
} from "../../../mod.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

const text = "the same on every runtime ".repeat(2000);

function answer(request: IncomingMessage, response: ServerResponse): void {
  const accepted = String(request.headers["accept-encoding"]);
  if (request.url === "/cookie") response.setHeader("set-cookie", "seen=1").end(request.headers.cookie ?? "none");
  else if (request.url === "/echo") request.pipe(response);
  else if (request.url === "/redirect") response.writeHead(302, { location: "/" }).end();
  else if (/\bbr\b/.test(accepted)) response.setHeader("content-encoding", "br").end(brotliCompressSync(text));
  else if (/gzip/.test(accepted)) response.setHeader("content-encoding", "gzip").end(gzipSync(text));
  else response.end(text);
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the servers and the sessions of a test stand on. */
interface Ground {
  origin: string;
  secureOrigin: string;
  certificates: TestCertificates;
}

async function onGround(use: (ground: Ground) => Promise<void>): Promise<void> {
  const certificates = await makeCertificates();
  const servers = [createServer(answer), createTlsServer(certificates.good, answer)] as const;
  try {
    const [plain, encrypted] = await Promise.all(servers.map(listen));
    await use({ origin: `http://${plain}`, secureOrigin: `https://${encrypted}`, certificates });
  } finally {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await certificates.remove();
  }
}

async function inSession(options: HttpSessionOptions, use: (session: HttpSession) => Promise<void>): Promise<void> {
  const session = new HttpSession(options);
  try {
    await use(session);
  } finally {
    await session.close();
  }
}

async function textOf(response: Promise<Response>): Promise<string> {
  return await (await response).text();
}

async function fetchesAndUploads({ origin }: Ground): Promise<void> {
  await inSession({ maxConnsPerHost: 3, features: [new CookieJar()] }, async (session) => {
    assertEquals(await textOf(session.fetch(`${origin}/redirect`)), text);
    const upload = { method: "POST", body: new Blob(["up", "load"]).stream(), duplex: "half" } as const;
    assertEquals(await textOf(session.fetch(`${origin}/echo`, upload)), "upload");
    const bodies = await Promise.all(Array.from({ length: 30 }, () => textOf(session.fetch(origin))));
    assert(bodies.every((each) => each === text));
    assertEquals(await textOf(session.fetch(`${origin}/cookie`)), "none");
    assertEquals(await textOf(session.fetch(`${origin}/cookie`)), "seen=1");
  });
}

async function trustsWhomItIsTold({ secureOrigin, certificates }: Ground): Promise<void> {
  await inSession({ tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert) }, async (session) => {
    if (session.capabilities.pinnedRoots) assertEquals(await textOf(session.fetch(secureOrigin)), text);
    else await assertRejects(() => session.fetch(secureOrigin), Error, "pinnedRoots");
  });
  await inSession({ transport: "node" }, async (session) => {
    const isRefused = session.capabilities.tls === false;
    await assertRejects(() => session.fetch(secureOrigin), Error, isRefused ? "node lacks tls" : undefined);
  });
  await inSession({}, async (session) => {
    await assertRejects(() => session.fetch(secureOrigin));
  });
}

async function waitsInPlace(): Promise<void> {
  // Nobody could answer on the thread that waits: the address refuses, which is an answer too.
  await inSession({}, (session) => {
    const msg = new HttpMessage("GET", "http://127.0.0.1:1/");
    assertEquals(session.sendMessageSync(msg), msg.statusCode);
    assert(msg.statusCode < 100);
    return Promise.resolve();
  });
}

describe("An HTTP session", () => {
  // One test: node:test of old versions of Deno runs the tests of a block at the same time, and knows no before().
  it("fetches, uploads, decodes, keeps cookies, trusts whom it is told, waits in place", () =>
    onGround(async (ground) => {
      await fetchesAndUploads(ground);
      await trustsWhomItIsTold(ground);
      await waitsInPlace();
      assert(TlsDatabase.system.size > 50);
      assertEquals(ContentDecoder.codings.slice(0, 3), ["gzip", "deflate", "br"]);
    }));
});
