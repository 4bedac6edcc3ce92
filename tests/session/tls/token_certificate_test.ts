import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { EventEmitter } from "node:events";
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { createServer, type TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { HttpError, HttpMessage, HttpSession, HttpStatus, TlsDatabase } from "../../../http/mod.ts";
import { NotSupportedError } from "../../../internal/error_brand.ts";
import { Cryptoki } from "../../../ffi/tables/cryptoki.ts";
import {
  CKR,
  Module,
  Pkcs11Error,
  TlsError,
  type TokenCertificate,
  tokenCertificate,
  tokenTlsSocket,
} from "../../../session/mod.ts";
import { type Nginx, nginxPath, startNginx } from "../../_support/nginx.ts";
import { compilerSkip } from "../../_support/c_compiler.ts";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmModule } from "../../_support/softhsm.ts";
import { WaitingModule } from "../../_support/waiting_module.ts";
import { cLibraryPath, gnutlsPath } from "../../../tools/native_libraries.ts";
import { MqttClient, noMosquitto, startMosquitto } from "../../_support/mosquitto.ts";
import { proxyServer } from "../../_support/proxy_server.ts";
import {
  opensslServer,
  type Relay,
  relayTo,
  type TokenClients,
  tokenClients,
  tokenTlsSkip,
} from "../../_support/token_clients.ts";
import { until } from "../../_support/http_sessions.ts";
import { serveFrames, serverParts, switching, webSocketServer } from "../../_support/websocket_server.ts";

const skip = tokenTlsSkip !== false ? tokenTlsSkip : nginxPath === null ? "nginx is not installed" : false;

describe("tokenCertificate", { skip }, () => {
  let clients: TokenClients;
  let nginx: Nginx;
  let older: Nginx;
  let relay: Relay;
  /** Stands between everybody and SoftHSM2. */
  let waiting: WaitingModule | null;
  let ec: TokenCertificate;

  before(async () => {
    waiting = compilerSkip === false ? new WaitingModule(softhsmModule()!) : null;
    clients = await tokenClients(waiting?.path);
    const { ca, good } = clients.certificates;
    const body = new Uint8Array(1 << 20);
    const server = "location /in { return 302 /echo; } location /reused { return 200 $ssl_session_reused; }";
    const options = { certificate: good, clientAuthority: ca.certFile, files: { body } };
    nginx = await startNginx({ ...options, server: `${server} ssl_protocols TLSv1.3;` });
    older = await startNginx({
      ...options,
      http2: true,
      server: `${server} ssl_protocols TLSv1.2; ssl_session_tickets off; ssl_session_cache off;`,
    });
    relay = await relayTo(Number(new URL(nginx.tlsOrigin).port));
    ec = await tokenCertificate({ certificate: clients.ec.pem, key: clients.ec.key, ca: ca.cert });
    const asking = { label: "asking", token: true, private: true, alwaysAuthenticate: true };
    await clients.session.importKey(await readFile(clients.ec.keyFile, "utf8"), asking);
  });

  after(async () => {
    await ec?.close();
    await relay?.[Symbol.asyncDispose]();
    await nginx?.[Symbol.asyncDispose]();
    await older?.[Symbol.asyncDispose]();
    await clients?.[Symbol.asyncDispose]();
  });

  const sent = async (session: HttpSession, method: string, uri: string, body?: string) => {
    const msg = new HttpMessage(method, uri, body === undefined ? {} : { body });
    await session.sendMessage(msg);
    return msg;
  };
  const text = (msg: HttpMessage) => new TextDecoder().decode(msg.responseBody);
  /** Sends one message on a connection of its own. */
  const once = async (clientCertificate: TokenCertificate, uri = `${nginx.tlsOrigin}/echo`, options = {}) => {
    await using session = new HttpSession({ clientCertificate, ...options });
    return await sent(session, "GET", uri);
  };

  for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
    it(`${version}: GET, POST, redirects and kept connections with keys on P-256 and RSA`, async () => {
      const { tlsOrigin } = version === "TLSv1.3" ? nginx : older;
      const { ca } = clients.certificates;
      for (const { certificateUri, keyUri, subject } of [clients.ec, clients.rsa]) {
        const { module, token } = clients;
        await using client = await tokenCertificate({
          certificate: certificateUri,
          key: keyUri,
          pin: token.userPin,
          module,
        });
        await using session = new HttpSession({ clientCertificate: client, tlsDatabase: TlsDatabase.fromPem(ca.cert) });
        const shown: unknown[] = [];
        session.addEventListener("request-started", ({ connection }) => shown.push(connection?.tls?.protocol));
        const first = await sent(session, "GET", `${tlsOrigin}/echo`);
        const second = await sent(session, "GET", `${tlsOrigin}/in`);
        assertEquals([first.statusCode, second.statusCode], [200, 200]);
        assertEquals(shown.at(-1), version);
        assertStringIncludes(text(first), subject);
        // nginx ends what it echoes with the number of the connection.
        assertEquals(text(second).split(" ").at(-1), text(first).split(" ").at(-1));
        const posted = await session.fetch(`${tlsOrigin}/echo`, { method: "POST", body: "x".repeat(70_000) });
        assertStringIncludes(await posted.text(), `POST /echo`);
        assertEquals(first.tlsErrors, []);
        assertEquals(first.tlsCertificate?.subject, "O=gp11, CN=localhost");
        assertEquals(first.tlsCertificate?.altNames.includes("DNS:localhost"), true);
      }
    });
  }

  it("shows openssl s_server both certificates, in TLS 1.2 and 1.3, by GET and POST", async () => {
    const { ca } = clients.certificates;
    await using rsa = await tokenCertificate({ certificate: clients.rsa.pem, key: clients.rsa.key, ca: ca.cert });
    for (const flag of ["-tls1_2", "-tls1_3"]) {
      await using server = await opensslServer(clients, ca.certFile, flag, "-no_ticket", "-no_cache");
      for (const [clientCertificate, subject] of [[ec, "gp11 test client"], [rsa, "rsa"]] as const) {
        // It answers a line that begins so, be it of the head or of the body.
        for (const [method, body] of [["GET", undefined], ["POST", "GET what it waits for\n"]] as const) {
          await using session = new HttpSession({ clientCertificate });
          const msg = await sent(session, method, `https://localhost:${server.port}/`, body);
          assertEquals([flag, subject, method, msg.statusCode], [flag, subject, method, 200]);
          const shown = text(msg).replaceAll(" = ", "=");
          assertMatch(shown, new RegExp(`Subject: (O=gp11, CN=${subject}|CN=${subject}, O=gp11)`));
          assertStringIncludes(shown, `Protocol  : ${flag === "-tls1_2" ? "TLSv1.2" : "TLSv1.3"}`);
        }
      }
    }
  });

  it("carries large bodies both ways, through CONNECT proxies too", async () => {
    await using proxy = await proxyServer();
    for (const proxyUri of [null, `http://127.0.0.1:${proxy.port}/`]) {
      await using session = new HttpSession({ clientCertificate: ec, proxyUri });
      const response = await session.fetch(`${nginx.tlsOrigin}/body`);
      assertEquals((await response.bytes()).length, 1 << 20);
      const body = new Uint8Array(1 << 20);
      const posted = await session.fetch(`${nginx.tlsOrigin}/echo`, { method: "POST", body });
      assertEquals([posted.status, (await posted.text()).startsWith("POST /echo")], [200, true]);
    }
    assertEquals(proxy.heads.every((head) => head.startsWith("CONNECT ")), true);
  });

  it("carries WebSockets, several at once, and both ends of each", async () => {
    const { ca, good } = clients.certificates;
    const parts = await serverParts();
    await using server = await webSocketServer((handshake, socket) => {
      const { CN } = (socket as TLSSocket).getPeerCertificate().subject;
      socket.write(switching(handshake, [`X-User: ${CN}`]));
      serveFrames(parts, socket);
    }, { cert: good.cert, key: good.key, ca: ca.cert, requestCert: true });
    await using session = new HttpSession({ clientCertificate: ec });
    const sockets = await Promise.all([1, 2].map(() => session.websocket(server.origin)));
    const large = "x".repeat(100_000);
    for (const socket of sockets) {
      assertStringIncludes(clients.ec.subject, String(socket.msg.responseHeaders.get("x-user")));
      const answered = new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data));
      socket.send(large);
      assertEquals(await answered, large);
    }
    await sockets[0]![Symbol.asyncDispose]();
    // The other one ends with its connection.
    const closed = new Promise((resolve) => sockets[1]!.onclose = ({ code }) => resolve(code));
    for (const socket of server.open) socket.destroy();
    assertEquals(await closed, 1006);
    await until(() => server.open.size === 0);
  });

  it("sends synchronously, on kept connections, with the verdict about the server", async () => {
    await using session = new HttpSession({ clientCertificate: (origin) => origin === nginx.tlsOrigin ? ec : null });
    const send = (method: string, path: string, body?: Uint8Array<ArrayBuffer>) => {
      const msg = new HttpMessage(method, `${nginx.tlsOrigin}${path}`, body === undefined ? {} : { body });
      assertEquals(session.sendMessageSync(msg), msg.statusCode);
      return msg;
    };
    const [first, second] = [send("GET", "/echo"), send("GET", "/in")];
    assertStringIncludes(text(first), clients.ec.subject);
    assertEquals(text(second).split(" ").at(-1), text(first).split(" ").at(-1));
    assertEquals([first.tlsErrors, first.tlsCertificate?.subject], [[], "O=gp11, CN=localhost"]);
    assertEquals(send("GET", "/body").responseBody.length, 1 << 20);
    assertStringIncludes(text(send("POST", "/echo", new Uint8Array(1 << 20))), "POST /echo");
    await using wary = await tokenCertificate({ certificate: clients.ec.pem, key: clients.ec.key });
    session.clientCertificate = wary;
    const refused = send("GET", "/echo");
    assertEquals([refused.statusCode, refused.tlsErrors], [HttpStatus.SSL_FAILED, ["UNABLE_TO_VERIFY_LEAF_SIGNATURE"]]);
    session.sslStrict = false;
    assertEquals(send("GET", "/echo").statusCode, 200);
    const plain = new HttpMessage("GET", `https://127.0.0.1:${new URL(nginx.origin).port}/echo`);
    session.sendMessageSync(plain);
    assertEquals([plain.statusCode, codeOf(plain.error)], [HttpStatus.TLS_FAILED, "GNUTLS_E_UNEXPECTED_PACKET"]);
  });

  it("sends nothing in clear, and takes earlier sessions up again where the server offers it", async () => {
    relay.sent = "";
    const origin = `https://127.0.0.1:${relay.port}`;
    const [first, again] = [await once(ec, `${origin}/reused`), await once(ec, `${origin}/reused`)];
    assertEquals([text(first), text(again)], [".", "r"]);
    assertStringIncludes(text(await once(ec, `${origin}/echo`)), clients.ec.subject);
    assertEquals(again.tlsCertificate?.subject, first.tlsCertificate?.subject);
    assert(relay.sent.startsWith("\x16\x03"));
    for (const secret of ["GET ", "/reused", "gp11 test client"]) assertEquals(relay.sent.includes(secret), false);
  });

  it("refuses servers it does not trust, and reports them without strict TLS", async () => {
    const { ca, stranger } = clients.certificates;
    await using wary = await tokenCertificate({ certificate: clients.ec.pem, key: clients.ec.key });
    const unknown = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    for (const tlsDatabase of [null, TlsDatabase.fromPem(stranger.cert), TlsDatabase.fromPem("")]) {
      const refused = await once(wary, undefined, { tlsDatabase });
      assertEquals([refused.statusCode, refused.tlsErrors], [HttpStatus.SSL_FAILED, [unknown]]);
      assertEquals(refused.tlsCertificate?.issuer, "O=gp11, CN=gp11 test authority");
      const reported = await once(wary, undefined, { tlsDatabase, sslStrict: false });
      assertEquals([reported.statusCode, reported.tlsErrors], [200, [unknown]]);
    }
    for (const given of [ca.cert, TlsDatabase.fromPem(ca.cert), { der: certificateDer(ca.cert) }]) {
      await using client = await tokenCertificate({ certificate: clients.ec.pem, key: clients.ec.key, ca: given });
      // What the certificate was made with comes before what the session trusts.
      const msg = await once(client, undefined, { tlsDatabase: TlsDatabase.fromPem(stranger.cert) });
      assertEquals([msg.statusCode, msg.tlsErrors], [200, []]);
    }
  });

  it("checks name, validity and purpose", async () => {
    const { ca, expired, wrongName } = clients.certificates;
    for (
      const [certificate, code] of [[expired, "CERT_HAS_EXPIRED"], [wrongName, "ERR_TLS_CERT_ALTNAME_INVALID"]] as const
    ) {
      await using server = await startNginx({ certificate, clientAuthority: ca.certFile });
      const refused = await once(ec, `${server.tlsOrigin}/echo`);
      assertEquals([refused.statusCode, refused.tlsErrors], [HttpStatus.SSL_FAILED, [code]]);
      const reported = await once(ec, `${server.tlsOrigin}/echo`, { sslStrict: false });
      assertEquals([reported.statusCode, reported.tlsErrors], [200, [code]]);
    }
  });

  it("sees every cut, and never repeats a POST that was refused", async () => {
    relay.cutAfter = 300_000;
    const cut = await once(ec, `https://localhost:${relay.port}/body`);
    relay.cutAfter = Infinity;
    assertEquals(cut.statusCode, HttpStatus.IO_ERROR);
    assertMatch(codeOf(cut.error), /^GNUTLS_E_(PREMATURE_TERMINATION|UNEXPECTED_PACKET_LENGTH)$/);

    const { stranger } = clients.certificates;
    // In TLS 1.3 the server refuses after the request was written, before that within the handshake; or it asks for what
    // this key cannot do.
    for (
      const [code, ...flags] of [
        ["GNUTLS_E_FATAL_ALERT_RECEIVED", "-tls1_3"],
        ["GNUTLS_E_FATAL_ALERT_RECEIVED", "-tls1_2"],
        ["ERR_TLS_CERTIFICATE_NOT_SENT", "-client_sigalgs", "rsa_pss_rsae_sha256"],
      ]
    ) {
      await using server = await opensslServer(clients, stranger.certFile, ...flags);
      await using refusing = await relayTo(server.port);
      await using session = new HttpSession({ clientCertificate: ec });
      const msg = await sent(session, "POST", `https://localhost:${refusing.port}/`, "once");
      assertEquals([msg.statusCode, codeOf(msg.error)], [HttpStatus.TLS_FAILED, code]);
      assertEquals(refusing.connections, 1);
    }
  });

  it("names what speaks no TLS", async () => {
    const msg = await once(ec, `https://127.0.0.1:${new URL(nginx.origin).port}/echo`);
    assertEquals(msg.statusCode, HttpStatus.TLS_FAILED);
    assertStringIncludes(String(msg.error), "is it a port without TLS? (GNUTLS_E_UNEXPECTED_PACKET");
    const { origin } = new URL(nginx.origin.replace("http:", "https:"));
    await using session = new HttpSession({ clientCertificate: ec });
    const { message } = await assertRejects(() => session.fetch(origin), HttpError);
    assertEquals(message.split("Cannot speak TLS").length, 2, message);
  });

  it("makes connections for other protocols, on sockets that are there too", async () => {
    const port = Number(new URL(nginx.tlsOrigin).port);
    const { ca, stranger } = clients.certificates;
    const request = "GET /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    const plain = connect(port, "127.0.0.1");
    for (const place of [{ host: "localhost", port }, { socket: plain, servername: "localhost" }]) {
      await using socket = await tokenTlsSocket({ ...place, clientCertificate: ec, alpnProtocols: ["http/1.1"] });
      assertEquals([socket.protocol, socket.alpnProtocol], ["TLSv1.3", "http/1.1"]);
      assertMatch(socket.cipher, /AES|CHACHA20/);
      assertEquals(socket.peerCertificate.subject, "O=gp11, CN=localhost");
      const writer = socket.writable.getWriter();
      await writer.write(new TextEncoder().encode(request));
      assertStringIncludes(
        await new Response(socket.readable as ReadableStream<Uint8Array<ArrayBuffer>>).text(),
        clients.ec.subject,
      );
    }
    const { duplex } = await tokenTlsSocket({ host: "localhost", port, clientCertificate: ec });
    let answer = "";
    duplex.setEncoding("utf8").on("data", (text: string) => answer += text);
    // What goes out at once keeps its place between what waits.
    const [line, host, last] = [request.slice(0, 20), request.slice(20, 40), request.slice(40)];
    const written = new Promise((resolve) => {
      duplex.write(line, "latin1");
      duplex.write(host.slice(0, 3), resolve);
      duplex.write(host.slice(3, 8));
      duplex.cork();
      duplex.write(host.slice(8));
      duplex.uncork();
      duplex.write(last);
    });
    await written;
    await new Promise((resolve) => duplex.once("close", resolve));
    assertStringIncludes(answer, clients.ec.subject);

    const named = (changes: object) => tokenTlsSocket({ host: "localhost", port, clientCertificate: ec, ...changes });
    const misnamed = await named({ servername: "other.example" }).catch((error: unknown) => error);
    assertEquals([misnamed instanceof TlsError, codeOf(misnamed)], [true, "ERR_TLS_CERT_ALTNAME_INVALID"]);
    await using wary = await tokenCertificate({ certificate: clients.ec.pem, key: clients.ec.key });
    const strange = await named({ clientCertificate: wary, tlsDatabase: TlsDatabase.fromPem(stranger.cert) })
      .catch((error: unknown) => error);
    assertEquals(codeOf(strange), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    await (await named({ clientCertificate: wary, tlsDatabase: TlsDatabase.fromPem(ca.cert) })).close();
    await assertRejects(() => named({ clientCertificate: {} }), TypeError, "tokenCertificate");
    await assertRejects(() => named({ port: 0 }), RangeError, "port");
    await assertRejects(() => named({ host: undefined, socket: plain }), TypeError, "servername");
    await assertRejects(() => named({ host: "local host" }), TypeError, "a host");
    await assertRejects(() => named({ servername: "localhost\0.other.example" }), TypeError, "a servername");
    const reason = new Error("enough");
    assertEquals(await named({ signal: AbortSignal.abort(reason) }).catch((error: unknown) => error), reason);
  });

  it("speaks MQTT with a broker that knows its clients by their certificates", { skip: noMosquitto }, async () => {
    await using broker = await startMosquitto(clients.certificates);
    const { ca } = clients.certificates;
    await using rsa = await tokenCertificate({ certificate: clients.rsa.pem, key: clients.rsa.key, ca: ca.cert });
    const joined = async (clientCertificate: TokenCertificate, name: string) => {
      const { duplex } = await tokenTlsSocket({ host: "localhost", port: broker.port, clientCertificate });
      const client = new MqttClient(duplex);
      assertEquals(await client.connect(name), 0);
      return client;
    };
    const [client, other] = [await joined(ec, "one"), await joined(rsa, "other")];
    const topic = "clients/gp11 test client/hello";
    assertEquals(await client.subscribe(topic), 0);
    // What others say in the name of this one is dropped.
    other.publish(topic, new TextEncoder().encode("not mine"));
    await other.end();
    const large = new Uint8Array(300_000).map((_, index) => index);
    for (const message of [new TextEncoder().encode("mine"), large]) {
      client.publish(topic, message);
      const received = await client.received();
      assertEquals(received.topic, topic);
      assert(received.message.equals(message));
    }
    await client.end();
  });

  it("gives drivers a socket that begins TLS in the middle of their protocol", async () => {
    const { ca, good } = clients.certificates;
    const lines: string[] = [];
    const server = createServer({ cert: good.cert, key: good.key, ca: ca.cert, requestCert: true }, (socket) => {
      const name = socket.getPeerCertificate().subject.CN;
      let rest = "";
      socket.on("error", () => {}).setEncoding("utf8").on("data", (received: string) => {
        const whole = (rest + received).split("\n");
        rest = whole.pop()!;
        for (const line of whole) {
          lines.push(line);
          if (line === "QUIT") socket.end("bye\n");
          else if (line === "DIE") relayed.forEach((each) => each.destroy());
          else if (line === "HELLO") socket.write(`${name} says ${line}\n`);
        }
      });
      socket.on("end", () => lines.push("its end"));
    });
    server.listen(0, "127.0.0.1");
    await event(server, "listening");
    // What is said in clear ends with STARTTLS; what follows goes to the server with TLS.
    const relayed = new Set<Socket>();
    const plain = createNetServer((socket) => {
      socket.on("error", () => {}).write("220 welcome\n");
      socket.once("data", (line: Uint8Array) => {
        if (new TextDecoder().decode(line) !== "STARTTLS\n") return socket.destroy();
        const behind = connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
          socket.write("220 go ahead\n");
          socket.pipe(behind).pipe(socket);
        });
        behind.on("error", () => {});
        socket.on("close", () => behind.destroy());
        relayed.add(socket);
      });
    });
    plain.listen(0, "127.0.0.1");
    await event(plain, "listening");
    const begin = async () => {
      const raw = connect((plain.address() as AddressInfo).port, "127.0.0.1");
      const said = async () => String((await event(raw, "data"))[0]);
      assertEquals(await said(), "220 welcome\n");
      raw.write("STARTTLS\n");
      assertEquals(await said(), "220 go ahead\n");
      const { duplex } = await tokenTlsSocket({ socket: raw, servername: "localhost", clientCertificate: ec });
      await event(duplex, "secureConnect");
      return [raw, duplex as unknown as Socket] as const;
    };

    const [raw, driver] = await begin();
    const heard: string[] = [];
    for (const name of ["end", "close", "timeout"]) driver.on(name, () => heard.push(name));
    assertEquals([driver.connecting, driver.pending, driver.readyState], [false, false, "open"]);
    const { localPort, remoteAddress, remoteFamily, remotePort } = raw;
    assertEquals([driver.remoteAddress, driver.remotePort, driver.localPort], [remoteAddress, remotePort, localPort]);
    assertEquals([driver.remoteFamily, driver.address()], [remoteFamily, raw.address()]);
    assertEquals(driver.setNoDelay(true).setKeepAlive(true, 1000).unref().ref(), driver);
    driver.setEncoding("utf8");
    const told = async () => String((await event(driver, "data"))[0]);
    driver.write("HELLO\n");
    assertEquals(await told(), "gp11 test client says HELLO\n");
    // An idle connection is told of, and left as it is.
    await new Promise<void>((idle) => void driver.setTimeout(20, idle));
    const never = () => heard.push("never");
    driver.setTimeout(60_000, never).setTimeout(0, never);
    assertEquals(heard.splice(0), ["timeout"]);
    const closed = [event(driver, "close"), event(raw, "close")];
    driver.write("QUIT\n");
    assertEquals(await told(), "bye\n");
    await Promise.all(closed);
    assertEquals([heard, driver.readyState], [["end", "close"], "closed"]);

    // What was written goes out before the end, which the server is told of.
    const [, hasty] = await begin();
    // Nothing of the server is on its way any more when it has answered: what is not read when a socket closes resets it.
    const answered = event(hasty, "data");
    hasty.write("HELLO\n");
    await answered;
    const gone = event(hasty, "close");
    hasty.write("x".repeat(300_000));
    hasty.write("\nLAST\n");
    hasty.destroySoon();
    await gone;
    while (lines.at(-1) !== "its end") await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals([lines.at(-2), hasty.destroyed], ["LAST", true]);

    const [, cut] = await begin();
    const failed = event(cut, "error");
    cut.resume().write("DIE\n");
    assertEquals(codeOf((await failed)[0]), "GNUTLS_E_PREMATURE_TERMINATION");
    server.close();
    plain.close();
  });

  it("speaks HTTP/2 where the server agrees, synchronously too", async () => {
    await using session = new HttpSession({ clientCertificate: ec, http2: "required" });
    const uri = `${older.tlsOrigin}/echo`;
    const sync = new HttpMessage("GET", uri);
    assertEquals(session.sendMessageSync(sync), 200);
    const body = "x".repeat(70_000);
    const messages = [sync, ...await Promise.all([sent(session, "GET", uri), sent(session, "POST", uri, body)])];
    assertEquals(
      messages.map(({ httpVersion, statusCode }) => [httpVersion, statusCode]),
      new Array(3).fill(["2", 200]),
    );
    for (const msg of messages) assertStringIncludes(text(msg), clients.ec.subject);
    assertEquals(session.connections.map(({ protocol }) => protocol), ["h2"]);
    const refused = await sent(session, "GET", `${nginx.tlsOrigin}/echo`);
    assertEquals(refused.statusCode, HttpStatus.TLS_FAILED);
  });

  it("lends nothing to a server that does not answer, and closes everything when it is aborted", async () => {
    relay.holds = true;
    const heard = relay.heard;
    const reason = new Error("enough");
    const abort = new AbortController();
    await using session = new HttpSession({ clientCertificate: ec, http2: false, maxConns: 20, maxConnsPerHost: 20 });
    const fetching = Array.from(
      { length: 10 },
      () =>
        session.fetch(`https://127.0.0.1:${relay.port}/echo`, { signal: abort.signal }).catch((error: unknown) =>
          error
        ),
    );
    // More than there are credentials have said hello, and there are some for others.
    while (relay.heard < heard + 10) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals((await once(ec, `${older.tlsOrigin}/echo`)).statusCode, 200);
    abort.abort(reason);
    assertEquals(await Promise.all(fetching), new Array(10).fill(reason));
    while (relay.open.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    relay.holds = false;
    assertEquals((await once(ec, `https://127.0.0.1:${relay.port}/echo`)).statusCode, 200);
  });

  it("signs handshakes side by side, while the event loop goes on", { skip: compilerSkip }, async () => {
    // No signature ends until it is told to: what is under way meanwhile is under way side by side.
    waiting!.waitFor(1000);
    let ended = 0;
    const fetching = Array.from({ length: 3 }, () => once(ec, `${older.tlsOrigin}/echo`).finally(() => ended++));
    while (waiting!.inside < 3 && ended === 0) await new Promise((resolve) => setImmediate(resolve));
    assertEquals([waiting!.inside, ended], [3, 0]);
    waiting!.waitFor(0);
    const messages = await Promise.all(fetching);
    assertEquals(messages.map(({ statusCode }) => statusCode), [200, 200, 200]);
  });

  it("survives logout, the end of all sessions and of the module, whoever makes them", async () => {
    const { certificates: { ca }, ec: { keyUri, pem }, session, token } = clients;
    const given = { certificate: pem, key: keyUri, pin: token.userPin, module: token.module, ca: ca.cert };
    await using client = await tokenCertificate(given);
    const raw = Cryptoki.open(token.module);
    const ends: Record<string, () => unknown> = {
      "logout of a caller who counts": () => session.logout(),
      "C_Logout": () => raw.call("C_Logout", session.handle),
      "C_CloseAllSessions": () => raw.call("C_CloseAllSessions", session.slot.id),
      "C_Finalize of a caller": async () => await (await Module.load(token.module, { managed: false })).close(),
    };
    for (const [name, end] of Object.entries(ends)) {
      await end();
      // Here every session is a new one, which the token signs.
      const msg = await once(client, `${older.tlsOrigin}/echo`);
      assertEquals([name, msg.statusCode, msg.error], [name, 200, null]);
    }
  });

  it("ends with the process, in mid-handshake too, and needs permission for the libraries alone", async () => {
    const module = softhsmModule()!;
    const libraries = [gnutlsPath()!, module, cLibraryPath()!].join(",");
    const permissions = [`--allow-ffi=${libraries}`, "--allow-net=127.0.0.1,localhost", "--allow-env", "--no-prompt"];
    const run = async (program: URL, args: readonly string[], environment: Record<string, string>) => {
      const child = startProgram(program, args, environment, "pipe", permissions);
      const [output, errors] = await Promise.all([textOf(child.stdout!), textOf(child.stderr!), programEnd(child)]);
      return [child.exitCode, output, errors];
    };
    const { certificates: { ca }, ec: { keyUri, pem, subject }, token } = clients;
    const leaving = new URL("../../_support/token_tls_program.ts", import.meta.url);
    const args = [module, keyUri, token.userPin, `${nginx.tlsOrigin}/echo`];
    assertEquals(await run(leaving, args, { CERTIFICATE: pem, AUTHORITY: ca.cert }), [7, `200 ${subject}\n`, ""]);

    const { environment } = createSeparateToken("keys");
    const example = new URL("../../../examples/token_tls.ts", import.meta.url);
    const lines = "over HTTP the server has seen Ada Lovelace\nover TLSv1.3 it has seen Ada Lovelace\n";
    assertEquals(await run(example, [], { ...environment, PKCS11_MODULE: module }), [0, lines, ""]);
  });

  it("takes the bytes of a PIN and of a certificate as they are at the call", async () => {
    const { ec: { keyUri: key, pem }, token: { module, userPin } } = clients;
    Cryptoki.open(module).call("C_CloseAllSessions", clients.session.slot.id);
    for (const isList of [false, true]) {
      const pin = new TextEncoder().encode(userPin);
      const der = new Uint8Array(new X509Certificate(pem).raw);
      const made = tokenCertificate({ certificate: isList ? [der] : der, key, pin, module });
      for (const given of [pin, der]) given.fill(0);
      await (await made).close();
    }
  });

  it("names what is wrong with key, certificate, PIN and libraries, and never shows the PIN", async () => {
    const { ec, rsa, token } = clients;
    const good = { certificate: ec.pem, key: ec.keyUri, pin: token.userPin, module: token.module };
    // Whoever is logged in needs no PIN.
    Cryptoki.open(token.module).call("C_CloseAllSessions", clients.session.slot.id);
    const refused = async (changes: object): Promise<Error> => {
      const error: Error = await tokenCertificate({ ...good, ...changes }).then(
        () => new Error("taken"),
        (error) => error,
      );
      assertNotEquals(error.message, "taken");
      assertEquals(`${error.message} ${error.stack} ${JSON.stringify(error)}`.includes("wrong-secret"), false);
      return error;
    };
    const nobody = await refused({ pin: undefined });
    assert(nobody instanceof Pkcs11Error);
    assertEquals(nobody.code, CKR.USER_NOT_LOGGED_IN);
    assertStringIncludes(nobody.message, "give tokenCertificate the PIN");
    const wrong = await refused({ pin: "wrong-secret" });
    assert(wrong instanceof Pkcs11Error);
    assertEquals(wrong.code, CKR.PIN_INCORRECT);
    // What is no certificate is refused before the token is asked.
    const broken = ec.pem.replace(/-----END[^]*/, "");
    for (const certificate of [5, undefined, [], [ec.pem, null], "none", broken, [ec.pem, new Uint8Array(9)]]) {
      assertEquals((await refused({ certificate, pin: "wrong-secret" })).name, "TypeError");
    }
    assertEquals((await refused({ certificate: "pkcs11:object=%zz", pin: "wrong-secret" })).name, "UriError");
    assertEquals((await refused({ key: `${ec.keyUri}?pin-value=wrong-secret`, pin: undefined })).name, "Pkcs11Error");
    assertEquals((await refused({ key: "pkcs11:token=nowhere;object=ec" })).name, "SlotNotFoundError");
    assertEquals((await refused({ key: ec.keyUri.replace("object=ec", "object=no") })).name, "ObjectNotFoundError");
    assertEquals(
      (await refused({ certificate: ec.certificateUri.replace("=ec;", "=no;") })).name,
      "ObjectNotFoundError",
    );
    const each = await refused({ key: ec.keyUri.replace("object=ec", "object=asking") });
    assertStringIncludes(each.message, "CKA_ALWAYS_AUTHENTICATE");
    const mismatch = await refused({ certificate: rsa.pem });
    assert(mismatch instanceof TlsError);
    assertEquals([mismatch.code, mismatch.number], ["GNUTLS_E_CERTIFICATE_KEY_MISMATCH", -60]);
    assertEquals((await refused({ module: "/nowhere.so" })).name, "ModuleLoadError");
    const missing = await refused({ gnutls: "/nowhere/libgnutls.so.30" });
    assert(missing instanceof NotSupportedError);
    assertMatch(missing.message, /tried \/nowhere\/libgnutls\.so\.30 \(.*Install libgnutls30/);
    const other = await refused({ gnutls: token.module });
    assertStringIncludes(other.message, "it has no gnutls_check_version");
    await assertRejects(() => tokenCertificate({ ...good, key: "-----BEGIN PRIVATE KEY-----" }), TypeError, "PEM");
    await assertRejects(() => tokenCertificate({ ...good, certificate: "none" }), TypeError, "no PEM certificate");
    await assertRejects(() => tokenCertificate({ ...good, ca: "none" }), TypeError, "no PEM certificate");
    await assertRejects(() => tokenCertificate({ ...good, ca: "/nowhere/ca.pem" }), TypeError, "not its path");
    await assertRejects(() => tokenCertificate({ ...good, certificate: "/a.pem" }), TypeError, "not its path");
    await assertRejects(() => tokenCertificate({ ...good, certificate: 5 as never }), TypeError, "a number");
    await assertRejects(() => tokenCertificate(null as never), TypeError, "null");
    await (await tokenCertificate(good)).close();
  });

  it("shows its token, key and module in a log, and never the PIN", async () => {
    const { ec, token } = clients;
    const key = `${ec.keyUri}?pin-value=${token.userPin}`;
    const client = await tokenCertificate({ certificate: ec.pem, key, module: token.module });
    const label = JSON.stringify(token.label);
    const module = JSON.stringify(token.module);
    const { key: uri, ...others } = JSON.parse(JSON.stringify(client));
    assertEquals(others, { token: token.label, module: token.module, closed: false });
    assertMatch(uri, /^pkcs11:[^?]*object=ec;[^?]*$/);
    assertEquals(inspect(client), `TokenCertificate { token ${label}, key ${uri}, module ${module} }`);
    assertEquals(inspect([client], { breakLength: 1e4 }), `[ TokenCertificate { token ${label}, key ${uri} } ]`);
    await client.close();
    assert(inspect(client).endsWith(`, closed }`), inspect(client));
  });
});

/** What a listener of the next event of this name is told. */
function event(source: EventEmitter, name: string): Promise<unknown[]> {
  return new Promise((resolve) => source.once(name, (...told: unknown[]) => resolve(told)));
}

function codeOf(error: unknown): string {
  return (error as { code?: string } | null)?.code ?? String(error);
}

function certificateDer(pem: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(pem.replace(/-----[^-]+-----|\s/g, ""));
}
