// Deno's sanitizers fail a test that leaves a timer, a socket, an operation or a worker behind. `await using` must leave nothing.
import { assert, assertEquals } from "@std/assert";
import { HarRecorder } from "../../http/features/logging/har_recorder.ts";
import { HttpMessage } from "../../http/message/message.ts";
import { HttpSession } from "../../http/session/session.ts";
import { TlsDatabase } from "../../http/transports/tls_database.ts";
import { proxyServer } from "../_support/proxy_server.ts";
import { reply, socketServer } from "../_support/socket_server.ts";
import { makeCertificates } from "../_support/tls_certificates.ts";

function leakTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true, sanitizeExit: true });
}

function server() {
  return socketServer((request, socket) => {
    if (request.target === "/hang") return;
    if (request.target === "/reset") return void socket.resetAndDestroy();
    if (request.target === "/slow") return void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\nabc");
    if (request.target === "/redirect") return void socket.write(reply("302 Found", "", ["Location: /"]));
    socket.write(reply("200 OK", "fine"));
  });
}

for (const transport of ["fetch", "node"] as const) {
  leakTest(`${transport}: a session that was only made`, async () => {
    await using session = new HttpSession({ transport, timeout: 5, idleTimeout: 5 });
    assert(!session.closed);
  });

  leakTest(`${transport}: messages of every kind, idle connections at the end`, async () => {
    await using origin = await server();
    await using session = new HttpSession({ transport, timeout: 10, idleTimeout: 30, features: [new HarRecorder()] });
    for (const [method, path] of [["GET", "/"], ["POST", "/"], ["HEAD", "/"], ["GET", "/redirect"]] as const) {
      assertEquals(await session.sendMessage(new HttpMessage(method, origin.origin + path)), 200);
    }
    await session.sendMessage(new HttpMessage("GET", `${origin.origin}/reset`));
    const expect = new HttpMessage("POST", origin.origin, { headers: { expect: "100-continue" }, body: "x" });
    if (transport === "node") assertEquals(await session.sendMessage(expect), 200);
    assertEquals(await (await session.fetch(origin.origin)).text(), "fine");
  });

  leakTest(`${transport}: messages in flight, waiting and paused when the session ends`, async () => {
    await using origin = await server();
    const session = new HttpSession({ transport, timeout: 10, maxConnsPerHost: 2 });
    const paths = ["/hang", "/hang", "/slow", "/", "/"];
    const messages = paths.map((path) => new HttpMessage("GET", origin.origin + path));
    const sending = messages.map((msg) => session.sendMessage(msg));
    session.pauseMessage(messages[1]!);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await session.close();
    assertEquals(await Promise.all(sending), [1, 1, 1, 1, 1]);
  });

  leakTest(`${transport}: responses nobody reads, and aborted ones`, async () => {
    await using origin = await server();
    await using session = new HttpSession({ transport });
    await session.fetch(`${origin.origin}/slow`);
    const controller = new AbortController();
    const fetching = session.fetch(`${origin.origin}/hang`, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await fetching.catch(() => {});
  });
}

for (const transport of ["auto", "node"] as const) {
  leakTest(`${transport}: TLS, client certificates, refused certificates and tunnels`, async () => {
    await using certificates = await makeCertificates();
    const { cert, key } = certificates.good;
    const tls = { cert, key, ca: certificates.ca.cert, requestCert: true, rejectUnauthorized: false };
    await using origin = await socketServer((_request, socket) => void socket.write(reply("200 OK")), { tls });
    await using proxy = await proxyServer();
    const url = origin.origin.replace("127.0.0.1", "localhost");
    const roots = [certificates.ca.cert, certificates.stranger.cert].map((pem) => TlsDatabase.fromPem(pem));
    for (const proxyUri of [null, `http://127.0.0.1:${proxy.port}/`]) {
      for (const tlsDatabase of roots) {
        const clientCertificate = { cert: certificates.client.cert, key: certificates.client.key };
        await using session = new HttpSession({ transport, tlsDatabase, proxyUri, clientCertificate });
        await session.sendMessage(new HttpMessage("GET", url));
      }
    }
  });
}

leakTest("a session that has sent synchronously", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) }, () => new Response("x"))`,
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  const url = `http://127.0.0.1:${new TextDecoder().decode(value).trim()}/`;
  {
    await using session = new HttpSession();
    for (let i = 0; i < 3; i++) assertEquals(session.sendMessageSync(new HttpMessage("GET", url)), 200);
  }
  child.kill();
  await child.status;
});
