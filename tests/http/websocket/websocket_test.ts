// session.websocket over HTTP/1.1: the handshake as a message of the queue, messages, the end.
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { after, before, describe, it } from "node:test";
import {
  AuthManager,
  CookieJar,
  HttpCache,
  HttpError,
  type HttpMessage,
  HttpSession,
  HttpStatus,
  HttpWebSocket,
  NotSupportedError,
} from "../../../http/mod.ts";
import { until } from "../../_support/http_sessions.ts";
import {
  agreedDeflate,
  type ServedSocket,
  serveFrames,
  serverFrame,
  type ServerParts,
  serverParts,
  switching,
  type WebSocketServer,
  webSocketServer,
} from "../../_support/websocket_server.ts";

let parts: ServerParts;
let server: WebSocketServer;
let served: ServedSocket;
/** What a test answers at /own. */
let own: Parameters<typeof webSocketServer>[0] = () => {};

const answers: Record<string, Parameters<typeof webSocketServer>[0]> = {
  "/echo": (handshake, socket) => {
    const chosen = handshake.headers.get("sec-websocket-protocol")?.split(", ").at(-1);
    const fields = chosen === undefined ? [] : [`Sec-WebSocket-Protocol: ${chosen}`];
    socket.write(switching(handshake, [...fields, "Set-Cookie: seen=yes; Path=/"]));
    served = serveFrames(parts, socket);
  },
  "/deflate": (handshake, socket) => {
    const { extensions, field } = agreedDeflate(parts, handshake.headers.get("sec-websocket-extensions"));
    socket.write(switching(handshake, [field]));
    served = serveFrames(parts, socket, extensions);
  },
  "/private": (handshake, socket, all) => {
    if (handshake.headers.get("authorization") === `Basic ${btoa("user:secret")}`) {
      return answers["/echo"]!(handshake, socket, all);
    }
    socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n');
  },
  "/moved": (_handshake, socket) => {
    socket.write(`HTTP/1.1 307 Go\r\nLocation: ${server.origin}/echo\r\nContent-Length: 0\r\n\r\n`);
  },
  "/refused": (_handshake, socket) => {
    socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nnot here");
  },
  "/own": (...all) => own(...all),
};

before(async () => {
  parts = await serverParts();
  server = await webSocketServer((handshake, socket, all) => {
    const answer = answers[handshake.target.split("?")[0]!];
    if (answer !== undefined) return answer(handshake, socket, all);
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nok");
  });
});
after(() => server[Symbol.asyncDispose]());

function next(socket: HttpWebSocket): Promise<string | ArrayBuffer | Blob> {
  return new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data), { once: true }));
}

function end(socket: HttpWebSocket): Promise<[code: number, reason: string, wasClean: boolean]> {
  return new Promise((resolve) => {
    socket.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean]), { once: true });
  });
}

const lastHandshake = () => server.handshakes.at(-1)!;

describe("A WebSocket", () => {
  it("carries text and bytes both ways, in order, and ends with the code of the closing handshake", async () => {
    await using session = new HttpSession();
    const socket = await session.websocket(`${server.origin}/echo?a=b`);
    assertEquals([socket.url, socket.readyState, socket.protocol, socket.extensions], [
      `${server.origin}/echo?a=b`,
      HttpWebSocket.OPEN,
      "",
      "",
    ]);
    const seen: unknown[] = [];
    socket.onopen = () => seen.push("open");
    const closed = end(socket);
    const answered = new Promise<void>((resolve) => {
      socket.onmessage = ({ data, origin }) => {
        assertEquals(origin, server.origin);
        seen.push(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
        if (seen.length === 7) resolve();
      };
    });
    socket.binaryType = "arraybuffer";
    socket.send("ü\ud800");
    socket.send("");
    socket.send(new Uint8Array([0, 1, 2, 3]).subarray(1, 3));
    socket.send(new Blob(["blob"]));
    socket.send("behind the blob");
    socket.send(new Uint8Array(70_000).fill(7).buffer);
    await answered;
    assertEquals(seen.slice(0, 6), ["open", "ü\ufffd", "", new Uint8Array([1, 2]), bytes("blob"), "behind the blob"]);
    assertEquals((seen[6] as Uint8Array).length, 70_000);
    await until(() => socket.bufferedAmount === 0);
    socket.close(4000, "done");
    assertEquals(socket.readyState, socket.CLOSING);
    socket.close();
    assertEquals(await closed, [4000, "done", true]);
    assertEquals([socket.readyState, served.conclusion, served.error], [socket.CLOSED, [4000, "done"], null]);
    socket.send("too late");
    assertEquals(socket.bufferedAmount, 8);
  });

  it("is handed over before the message that came with the handshake is told", async () => {
    own = (handshake, socket) => {
      const frames = [serverFrame(0x81, "first"), serverFrame(0x82, "second")];
      socket.write(Buffer.concat([Buffer.from(switching(handshake)), ...frames]));
    };
    await using session = new HttpSession();
    const socket = await session.websocket(`${server.origin}/own`);
    // One at a time, as programs do that wait for each.
    assertEquals(await next(socket), "first");
    const second = await next(socket);
    assert(second instanceof Blob);
    assertEquals(await second.text(), "second");
    session.abort();
  });

  it("is told of by the events of any message, and msg has the server's response", async () => {
    await using session = new HttpSession();
    const seen: string[] = [];
    session.addEventListener("request-queued", ({ msg }) => {
      for (const type of ["wrote-headers", "wrote-body", "got-headers", "got-body", "finished"] as const) {
        msg.addEventListener(type, () => seen.push(type));
      }
      msg.addEventListener("got-informational", ({ status }) => seen.push(`got ${status}`));
    });
    session.addEventListener("connection-created", () => seen.push("connection-created"));
    session.addEventListener("request-started", () => seen.push("request-started"));
    session.addEventListener("request-unqueued", () => seen.push("request-unqueued"));
    const socket = await session.websocket(`${server.origin}/echo`);
    assertEquals(seen, [
      ...["connection-created", "request-started", "wrote-headers", "wrote-body", "got 101", "got-headers", "got-body"],
      ...["finished", "request-unqueued"],
    ]);
    const { msg } = socket;
    assertEquals([msg.statusCode, msg.reasonPhrase, msg.responseHeaders.get("upgrade")], [
      101,
      "Switching Protocols",
      "websocket",
    ]);
    assertEquals([...session.messages()], []);
    session.abort();
  });

  it("offers protocols and fields of the caller's, and none of the handshake's own twice", async () => {
    await using session = new HttpSession({ userAgent: "session/1" });
    const headers = { origin: "https://page.example", "x-own": "1", "user-agent": "mine/1" };
    const socket = await session.websocket(`${server.origin}/echo`, { protocols: ["a", "b"], headers });
    assertEquals(socket.protocol, "b");
    const { head } = lastHandshake();
    for (
      const line of [
        ...["Origin: https://page.example", "X-Own: 1", "Connection: Upgrade", "Upgrade: websocket"],
        "User-Agent: mine/1",
        ...["Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a, b"],
      ]
    ) assertEquals(head.split("\r\n").filter((each) => each === line).length, 1, `${line} in ${head}`);
    for (const name of [/^connection:/gim, /^user-agent:/gim]) assertEquals(head.match(name)?.length, 1);
    session.abort();
  });

  it("shares cookies and credentials with the session, in a 101 and in a 401 round", async () => {
    const jar = new CookieJar();
    await using session = new HttpSession({ features: [jar] });
    const uri = server.origin.replace("ws", "http");
    jar.setCookie("sid=1; Path=/", uri);
    jar.setCookie("encrypted=1; Path=/; Secure", uri.replace("http", "https"));
    session.addEventListener("authenticate", ({ auth }) => auth.authenticate("user", "secret"));
    const before = server.connections;
    const socket = await session.websocket(`${server.origin}/private`);
    const [first, second] = server.handshakes.slice(-2);
    assertEquals([first!.headers.get("cookie"), second!.headers.get("cookie")], ["sid=1", "sid=1"]);
    assert(first!.headers.get("sec-websocket-key") !== second!.headers.get("sec-websocket-key"));
    assert(session.getFeature(AuthManager) !== null);
    // A connection for each: none that has been idle is given away.
    assertEquals(server.connections - before, 2);
    assertStringIncludes(jar.getCookieHeader(uri), "seen=yes");
    socket.send("hello");
    assertEquals(await next(socket), "hello");
    session.abort();
  });

  it("follows a redirect as any message does, also to a ws: URL", async () => {
    await using session = new HttpSession();
    const socket = await session.websocket(`${server.origin.replace("ws://", "ws://user:secret@")}/moved`);
    assertEquals(socket.url, `${server.origin}/echo`);
    session.abort();
  });

  it("leaves the limits when it is open, and idle connections alone", async () => {
    await using session = new HttpSession({ maxConnsPerHost: 1 });
    const address = server.origin.replace("ws", "http");
    assertEquals(await (await session.fetch(`${address}/plain`)).text(), "ok");
    const sockets = [
      await session.websocket(`${server.origin}/echo`),
      await session.websocket(`${server.origin}/echo`),
    ];
    assertEquals(session.connections.length, 0);
    assertEquals(await (await session.fetch(`${address}/plain`)).text(), "ok");
    assertEquals(session.connections.length, 1);
    for (const socket of sockets) {
      socket.send("x");
      assertEquals(await next(socket), "x");
    }
    await Promise.all(sockets.map((socket) => socket[Symbol.asyncDispose]()));
  });

  it("is not answered by a cache", async () => {
    await using session = new HttpSession({ features: [new HttpCache()] });
    const address = server.origin.replace("ws", "http");
    assertEquals(await (await session.fetch(`${address}/plain`)).text(), "ok");
    const before = server.handshakes.length;
    const error = await assertRejects(() => session.websocket(`${server.origin}/plain`), HttpError);
    assertEquals([error.status, server.handshakes.length], [200, before + 1]);
  });

  it("compresses where the server agrees to it, and copies what is sent", async () => {
    await using session = new HttpSession();
    const socket = await session.websocket(`${server.origin}/deflate`);
    assertEquals(socket.extensions, "permessage-deflate");
    socket.binaryType = "arraybuffer";
    const data = new Uint8Array(100_000).fill(1);
    socket.send(data);
    data.fill(2);
    assertEquals(new Set(new Uint8Array(await next(socket) as ArrayBuffer)), new Set([1]));
    assertEquals(served.messages[0]!.length, 100_000);
    socket.send("short");
    assertEquals(await next(socket), "short");
    await socket[Symbol.asyncDispose]();
  });

  it("answers pings, and asks by pings of its own whether the server is there", async () => {
    await using session = new HttpSession();
    const socket = await session.websocket(`${server.origin}/echo`, { keepaliveInterval: 3600 });
    served.ping("are you there");
    await until(() => served.pongs.length > 0);
    assertEquals(served.pongs, ["are you there"]);
    assertEquals(socket.readyState, socket.OPEN);
    await socket[Symbol.asyncDispose]();

    const pinged = Promise.withResolvers<Uint8Array>();
    own = (handshake, raw) => {
      raw.write(switching(handshake));
      raw.once("data", pinged.resolve).resume();
    };
    const silent = await session.websocket(`${server.origin}/own`, { keepaliveInterval: 0.02 });
    const failed = new Promise<Error>((resolve) => silent.onerror = ({ error }) => resolve(error));
    const closed = end(silent);
    // A ping is empty and masked.
    assertEquals([...(await pinged.promise).subarray(0, 2)], [0x89, 0x80]);
    assertEquals((await failed as { code?: string }).code, "ETIMEDOUT");
    assertEquals(await closed, [1006, "", false]);
  });

  it("is closed by the server, by its connection, and by the session", async () => {
    await using session = new HttpSession();
    const one = await session.websocket(`${server.origin}/echo`);
    const first = end(one);
    served.send("last");
    served.close(1001, "going");
    assertEquals(await next(one), "last");
    assertEquals(await first, [1001, "going", true]);

    own = (handshake, raw) => raw.end(Buffer.concat([Buffer.from(switching(handshake)), serverFrame(0x81, "bye")]));
    const two = await session.websocket(`${server.origin}/own`);
    const second = end(two);
    assertEquals(await next(two), "bye");
    assertEquals(await second, [1006, "", false]);

    for (const stop of [() => session.abort(), () => session.close()]) {
      const socket = await session.websocket(`${server.origin}/echo`);
      const closed = end(socket);
      void stop();
      assertEquals(await closed, [1006, "", false]);
    }
    await until(() => server.open.size === 0);
  });

  it("that does not open says why, with the status of it", async () => {
    await using session = new HttpSession();
    const refused = await assertRejects(() => session.websocket(`${server.origin}/refused?token=s3cr3t`), HttpError);
    assertEquals([refused.status, refused.code], [403, "ERR_WEBSOCKET_REFUSED"]);
    const text = `Cannot open a WebSocket to ${server.origin}/refused: the server answered 403 Forbidden`;
    assertEquals(refused.message, text);
    assertEquals(new TextDecoder().decode(refused.msg.responseBody), "not here");

    const nobody = await assertRejects(() => session.websocket("ws://127.0.0.1:1/"), HttpError);
    assertEquals([nobody.status, nobody.code], [HttpStatus.CANT_CONNECT, "ECONNREFUSED"]);
    assertStringIncludes(nobody.message, "Cannot open a WebSocket to ws://127.0.0.1:1/: ");

    own = (_handshake, raw) => raw.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const endless = await assertRejects(() => session.websocket(`${server.origin}/own`), HttpError);
    assertEquals(endless.status, 200);

    await using fetching = new HttpSession({ transport: "fetch" });
    const error = await assertRejects(() => fetching.websocket(`${server.origin}/echo`), NotSupportedError);
    assertStringIncludes(error.message, "upgrade");
  });

  it("is cancelled while it opens, and by that alone", async () => {
    await using session = new HttpSession();
    const early = AbortSignal.abort(new Error("early"));
    assertEquals(
      (await assertRejects(() => session.websocket(server.origin, { signal: early }), Error)).message,
      "early",
    );

    const controller = new AbortController();
    own = () => controller.abort(new Error("never mind"));
    const opening = session.websocket(`${server.origin}/own`, { signal: controller.signal });
    assertEquals((await assertRejects(() => opening, Error)).message, "never mind");
    assertEquals(session.connections, []);

    const later = new AbortController();
    const socket = await session.websocket(`${server.origin}/echo`, { signal: later.signal });
    later.abort();
    socket.send("still here");
    assertEquals(await next(socket), "still here");
    await socket[Symbol.asyncDispose]();
  });

  it("that is cancelled or sent again by a listener leaves no connection open", async () => {
    await using session = new HttpSession();
    for (const type of ["got-informational", "got-headers", "got-body", "finished"] as const) {
      const cancel = ({ msg }: { msg: HttpMessage }) =>
        msg.addEventListener(type, () => session.cancelMessage(msg), { once: true });
      session.addEventListener("request-queued", cancel);
      const opening = session.websocket(`${server.origin}/echo`);
      if (type === "finished") (await opening).close();
      else assertEquals((await assertRejects(() => opening, HttpError)).status, HttpStatus.CANCELLED, type);
      session.removeEventListener("request-queued", cancel);

      const before = server.connections;
      const again = ({ msg }: { msg: HttpMessage }) =>
        msg.addEventListener(type, () => session.requeueMessage(msg), { once: true });
      session.addEventListener("request-queued", again);
      const socket = await session.websocket(`${server.origin}/echo`);
      session.removeEventListener("request-queued", again);
      assertEquals([server.connections - before, socket.msg.metrics.attempts], [2, 2], type);
      await socket[Symbol.asyncDispose]();
    }
    await until(() => server.open.size === 0);
    assertEquals(session.connections, []);
  });

  it("takes no bad arguments", async () => {
    await using session = new HttpSession();
    const open = (url: string, options?: object) =>
      assertRejects(() => session.websocket(url, options as undefined), TypeError);
    for (const url of ["", "chat", "ftp://127.0.0.1/", `${server.origin}/#part`, `${server.origin}/#`]) await open(url);
    for (const protocols of [["a", "a"], ["a b"], [""], 5, [5]]) await open(server.origin, { protocols });
    for (const name of ["sec-websocket-key", "Sec-WebSocket-Protocol", "upgrade", "Connection"]) {
      await open(server.origin, { headers: { [name]: "x" } });
    }
    for (const signal of [5, false, ""]) await open(server.origin, { signal });
    await open(server.origin, { maxMessageBytes: "much" });
    await assertRejects(() => session.websocket(server.origin, { maxMessageBytes: 0 }), RangeError);
    await assertRejects(() => session.websocket(server.origin, { keepaliveInterval: -1 }), RangeError);
    const socket = await session.websocket(`${server.origin}/echo`);
    assertEquals(assertThrows(() => socket.close(1001), DOMException).name, "InvalidAccessError");
    assertEquals(assertThrows(() => socket.close(1000, "é".repeat(62)), DOMException).name, "SyntaxError");
    assertThrows(() => socket.send(5 as unknown as string), TypeError);
    assertThrows(() => socket.binaryType = "text" as "blob", TypeError);
    assertEquals(socket.readyState, socket.OPEN);
    session.abort();
    await session.close();
    await assertRejects(() => session.websocket(server.origin), TypeError);
  });

  it("is a WebSocket to those who take one", async () => {
    await using session = new HttpSession();
    const socket: WebSocket = await session.websocket(`${server.origin}/echo`) as HttpWebSocket & WebSocket;
    assertEquals([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], [0, 1, 2, 3]);
    let calls = 0;
    const handler = () => void calls++;
    socket.onmessage = handler;
    assertEquals(socket.onmessage, handler);
    socket.onmessage = null;
    assertEquals(socket.onmessage, null);
    socket.send("x");
    await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
    assertEquals(calls, 0);
    session.abort();
  });
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
