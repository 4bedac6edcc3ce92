import { assert, assertEquals, assertFalse, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { NotSupportedError, TransportError } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { NodeTransport } from "../../../../http/transports/node/node_transport.ts";
import { countExchange, writeSoon } from "../../../../http/transports/node/node_write_batch.ts";
import { until } from "../../../_support/http_sessions.ts";
import { reply, socketServer } from "../../../_support/socket_server.ts";
import {
  exchange,
  localProxy,
  localTarget,
  RecordingObserver,
  requestFor,
  streamOf,
  textOf,
} from "../../../_support/transport_driver.ts";

const transport = new NodeTransport();
const encoder = new TextEncoder();
const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1")
);

describe("NodeTransport", () => {
  it("sends a GET and reads status, reason, headers and body as they are", async () => {
    await using server = await socketServer((request, socket) => {
      const headers = ["X-Letters: \u00e9", "Set-Cookie: a=1", "set-cookie: b=2"];
      socket.write(reply("299 Peculiar Thing", `you asked for ${request.target}`, headers), "latin1");
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const response = await exchange(
      connection,
      requestFor(target, "/path?query", { headers: [["x-own", "1"]] }),
    );
    assertEquals([response.status, response.statusText, response.httpVersion], [299, "Peculiar Thing", "1.1"]);
    assertEquals(response.headers.get("x-letters"), "\u00e9");
    assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
    assertEquals(await textOf(response), "you asked for /path?query");
    assertEquals(server.requests[0]!.head, `GET /path?query HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nX-Own: 1`);
    connection.close();
  });

  it("carries many exchanges on one connection, one after another", async () => {
    await using server = await socketServer((request, socket) =>
      void socket.write(reply("200 OK", String(request.connection)))
    );
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    for (let i = 0; i < 20; i++) {
      assertEquals(await textOf(await exchange(connection, requestFor(target, "/"))), "1");
      assert(connection.isOpen);
    }
    assertEquals(server.connections, 1);
    connection.close();
    connection.close();
    assertFalse(connection.isOpen);
  });

  it("reports the steps of connecting and of writing in order", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("204 No Content")));
    const target = localTarget(server.port, { host: "localhost" });
    const connection = transport.createConnection(target);
    const observer = new RecordingObserver();
    await exchange(connection, requestFor(target, "/", { method: "POST", body: encoder.encode("body") }), observer);
    assertEquals(observer.events, [
      ...["resolving", "resolved", "connecting", "connected", "complete"],
      ...["wrote-headers", "wrote-body-data", "wrote-body"],
    ]);
    const again = new RecordingObserver();
    await exchange(connection, requestFor(target, "/"), again);
    assertEquals(again.events, ["wrote-headers", "wrote-body"]);
    connection.close();
  });

  it("writes methods exactly as given", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const methods = ["FOO", "VERSION-CONTROL", "TRACE", "PatCh", "propfind", "get", "M-SEARCH", "a!#$%&'*+.^_`|~9"];
    for (const method of methods) {
      assert(transport.capabilities.supportsMethod(method));
      await (await exchange(connection, requestFor(target, "/", { method }))).bytes();
    }
    assertEquals(server.requests.map((request) => request.method), methods);
    for (const method of ["", "GET /", "GET\r\nX: 1", "G\0T", "CONNECT", "\u00e9"]) {
      assertFalse(transport.capabilities.supportsMethod(method));
      const error = await assertRejects(
        () => exchange(connection, requestFor(target, "/", { method })),
        TransportError,
      );
      assertEquals(error.status, HttpStatus.MALFORMED);
    }
    assertEquals(server.requests.length, methods.length);
    connection.close();
  });

  it("refuses CR, LF and NUL in headers before a byte is sent", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    for (
      const header of [["a\r\nb", "1"], ["a", "1\r\nX: 2"], ["a", "1\n"], ["a", "\0"], ["a b", "1"], ["", "1"], [
        "a",
        "\u0100",
      ]]
    ) {
      const error = await assertRejects(
        () => exchange(connection, requestFor(target, "/", { headers: [header as [string, string]] })),
        TransportError,
      );
      assertEquals(error.status, HttpStatus.MALFORMED);
    }
    await (await exchange(connection, requestFor(target, "/"))).bytes();
    assertEquals(server.requests.length, 1);
    connection.close();
  });

  it("sends bodies with every framing, and a body with GET", async () => {
    await using server = await socketServer((request, socket) =>
      void socket.write(reply("200 OK", request.body.toString()))
    );
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const send = async (init: Parameters<typeof requestFor>[2]) =>
      textOf(await exchange(connection, requestFor(target, "/", init)));
    assertEquals(await send({ method: "GET", body: encoder.encode("with get") }), "with get");
    assertEquals(await send({ method: "PUT", body: streamOf("one ", "", "two") }), "one two");
    assertEquals(await send({ method: "PUT", body: streamOf("known ", "length"), bodyLength: 12 }), "known length");
    assertEquals(await send({ method: "PUT", body: streamOf("said"), headers: [["content-length", "4"]] }), "said");
    assertEquals(
      await send({ method: "PUT", body: encoder.encode("x"), headers: [["transfer-encoding", "chunked"]] }),
      "x",
    );
    assertEquals(await send({ method: "POST" }), "");
    assertEquals(
      server.requests.map(({ headers }) => headers.get("content-length") ?? headers.get("transfer-encoding")),
      ["8", "chunked", "12", "4", "chunked", "0"],
    );
    assertEquals(server.connections, 1);
    connection.close();
  });

  it("fails when a body is not as long as its Content-Length", async () => {
    for (const pieces of [["too", "long"], ["sho"]]) {
      await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
      const target = localTarget(server.port);
      const connection = transport.createConnection(target);
      const error = await assertRejects(
        () =>
          exchange(connection, requestFor(target, "/", { method: "PUT", body: streamOf(...pieces), bodyLength: 5 })),
        TransportError,
        "Content-Length 5",
      );
      assertEquals([error.status, error.code], [HttpStatus.IO_ERROR, "ERR_HTTP_CONTENT_LENGTH_MISMATCH"]);
      assertFalse(connection.isOpen);
    }
  });

  it("fails with the error of the body's own stream as cause", async () => {
    await using server = await socketServer(() => {});
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const broken = new Error("the disk is gone");
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        controller.error(broken);
      },
    });
    const error = await assertRejects(
      () => exchange(connection, requestFor(target, "/", { method: "POST", body })),
      TransportError,
    );
    assertEquals([error.status, error.cause], [HttpStatus.IO_ERROR, broken]);
  });

  it("holds the body back until 100 Continue", async () => {
    const order: string[] = [];
    await using server = await socketServer((request, socket) => {
      order.push(`body ${request.body}`);
      socket.write(reply("200 OK", "done"));
    }, {
      onHead: (_request, socket) => {
        order.push("head");
        setTimeout(() => {
          order.push("continue");
          socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        }, 30);
      },
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const observer = new RecordingObserver();
    const response = await exchange(
      connection,
      requestFor(target, "/", {
        method: "POST",
        body: encoder.encode("b"),
        expectContinue: true,
        headers: [["expect", "100-continue"]],
      }),
      observer,
    );
    assertEquals(await textOf(response), "done");
    assertEquals(order, ["head", "continue", "body b"]);
    assertEquals(observer.events.slice(5), [
      "wrote-headers",
      "informational 100 Continue",
      "wrote-body-data",
      "wrote-body",
    ]);
    connection.close();
  });

  it("never sends a body the server has refused to receive", async () => {
    await using server = await socketServer(() => {}, {
      onHead: (_request, socket) => void socket.write(reply("417 Expectation Failed", "no")),
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const observer = new RecordingObserver();
    const response = await exchange(
      connection,
      requestFor(target, "/", { method: "POST", body: encoder.encode("b"), expectContinue: true }),
      observer,
    );
    assertEquals([response.status, response.keepAlive, await textOf(response)], [417, false, "no"]);
    assertEquals(observer.events.slice(5), ["wrote-headers"]);
    assertEquals(server.requests.length, 0);
    assertFalse(connection.isOpen);
  });

  it("reports informational responses and trailers", async () => {
    await using server = await socketServer((_request, socket) => {
      socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
      socket.write(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n",
      );
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const observer = new RecordingObserver();
    const response = await exchange(connection, requestFor(target, "/"), observer);
    assertEquals(await textOf(response), "abc");
    assertEquals((await response.trailers)?.get("x-sum"), "6");
    assertEquals(observer.events.slice(7), ["informational 103 Early Hints link,</a>", "informational 102 Processing"]);
    assert(connection.isOpen);
    connection.close();
  });

  it("knows which responses have no body", async () => {
    await using server = await socketServer((request, socket) => {
      const status = request.target.slice(1);
      socket.write(`HTTP/1.1 ${status} X\r\n${status === "204" ? "" : "Content-Length: 5\r\n"}\r\n`);
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    for (const [method, path] of [["HEAD", "/200"], ["GET", "/204"], ["GET", "/304"]] as const) {
      const response = await exchange(connection, requestFor(target, path, { method }));
      assertEquals([response.body, (await response.bytes()).byteLength, connection.isOpen], [null, 0, true]);
    }
    assertEquals(server.connections, 1);
    connection.close();
  });

  it("stops reading when nobody takes the body, and goes on when somebody does", async () => {
    const size = 32 * 1024 * 1024;
    let written = 0;
    await using server = await socketServer((_request, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      const piece = new Uint8Array(65536);
      const more = () => {
        while (written < size) {
          written += piece.byteLength;
          if (!socket.write(piece)) return void socket.once("drain", more);
        }
      };
      more();
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const response = await exchange(connection, requestFor(target, "/"));
    const reader = response.body!.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 150));
    const held = written;
    assert(held < size / 2, `the server has written ${held} bytes to a reader that took one piece`);
    let received = 0;
    for (let step = await reader.read(); !step.done; step = await reader.read()) received += step.value.byteLength;
    assert(received > size - 4 * 65536);
    assert(connection.isOpen);
    connection.close();
  });

  it("closes the connection when the reader gives the body up", async () => {
    await using server = await socketServer((_request, socket) =>
      void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    );
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const response = await exchange(connection, requestFor(target, "/"));
    await response.body!.cancel();
    assertFalse(connection.isOpen);
  });

  it("rejects with the very reason of close, in every phase", async () => {
    await using server = await socketServer((request, socket) => {
      if (request.target === "/body") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    });
    const target = localTarget(server.port);
    const reasons = [{ phase: "connect" }, { phase: "header" }, { phase: "body" }];
    const connecting = transport.createConnection(target);
    const opening = connecting.open!({ proxyAuthorization: null, userAgent: null }, new RecordingObserver());
    connecting.close(reasons[0]);
    assertEquals(await opening.catch((error) => error), reasons[0]);
    const waiting = transport.createConnection(target);
    const sending = exchange(waiting, requestFor(target, "/never"));
    setTimeout(() => waiting.close(reasons[1]), 30);
    assertEquals(await sending.catch((error) => error), reasons[1]);
    const reading = transport.createConnection(target);
    const reader = (await exchange(reading, requestFor(target, "/body"))).body!.getReader();
    assertEquals((await reader.read()).value?.byteLength, 3);
    reading.close(reasons[2]);
    assertEquals(await reader.read().catch((error) => error), reasons[2]);
  });

  it("notices that an idle connection was closed by the server", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const closed = new Promise<void>((resolve) => connection.onClosed = resolve);
    await (await exchange(connection, requestFor(target, "/"))).bytes();
    assert(connection.isOpen);
    for (const socket of server.open) socket.destroy();
    await closed;
    assertFalse(connection.isOpen);
    const error = await assertRejects(
      () => connection.send(requestFor(target, "/"), new RecordingObserver()),
      TransportError,
    );
    assertEquals([error.status, error.phase], [HttpStatus.IO_ERROR, "send"]);
    assertEquals(server.requests.length, 1);
  });

  it("does not use a connection again after bytes nobody asked for", async () => {
    await using server = await socketServer((_request, socket) =>
      void socket.write(reply("200 OK", "a") + reply("200 OK", "b"))
    );
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    assertEquals(await textOf(await exchange(connection, requestFor(target, "/"))), "a");
    assertFalse(connection.isOpen);
  });

  it("resolves a response that comes while the body is still being sent", async () => {
    await using server = await socketServer(() => {}, {
      onHead: (_request, socket) => void socket.write(reply("413 Too Large", "stop")),
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    let cancelled: unknown = null;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        controller.enqueue(encoder.encode("more"));
      },
      cancel(reason) {
        cancelled = reason ?? "cancelled";
      },
    });
    const response = await exchange(connection, requestFor(target, "/", { method: "POST", body }));
    assertEquals([response.status, await textOf(response), response.keepAlive], [413, "stop", false]);
    await until(() => cancelled !== null);
    assertFalse(connection.isOpen);
  });

  it("pulls a body from its stream only as fast as the server takes it", async () => {
    const sockets: Socket[] = [];
    const size = 400 * 65536;
    await using server = await socketServer(() => {}, {
      onConnection: (socket) => {
        sockets.push(socket);
        return true;
      },
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    let pulled = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (pulled++ < 400) controller.enqueue(new Uint8Array(65536));
        else controller.close();
      },
    }, { highWaterMark: 0 });
    const sending = exchange(connection, requestFor(target, "/", { method: "PUT", body, bodyLength: size }));
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert(pulled < 200, `${pulled} pieces were pulled for a server that reads nothing`);
    for (const socket of sockets) {
      let received = 0;
      socket.on("data", (bytes: Uint8Array) => {
        received += bytes.byteLength;
        if (received > size) socket.write(reply("200 OK", "all of it"));
      });
    }
    assertEquals(await textOf(await sending), "all of it");
    connection.close();
  });

  it("does not use a connection again that the request asked to be closed", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const response = await exchange(connection, requestFor(target, "/", { headers: [["connection", "Close"]] }));
    assertEquals([response.keepAlive, (await response.bytes()).byteLength, connection.isOpen], [false, 0, false]);
  });

  it("connects to IPv6 addresses", { skip: hasIPv6 ? false : "this machine has no IPv6" }, async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")), { host: "::1" });
    const target = localTarget(server.port, { host: "::1" });
    const connection = transport.createConnection(target);
    await (await exchange(connection, requestFor(target, "/six"))).bytes();
    assertEquals(server.requests[0]!.headers.get("host"), `[::1]:${server.port}`);
    connection.close();
  });

  it("refuses a second exchange while one is in flight", async () => {
    await using server = await socketServer(() => {});
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const first = exchange(connection, requestFor(target, "/"));
    await until(() => server.requests.length === 1);
    const error = await assertRejects(
      () => connection.send(requestFor(target, "/"), new RecordingObserver()),
      TypeError,
    );
    assertStringIncludes(error.message, "in flight");
    connection.close(new Error("over"));
    await assertRejects(() => first, Error, "over");
  });

  it("refuses proxies it cannot speak with", () => {
    assertThrows(
      () => transport.createConnection(localTarget(1, { proxy: localProxy(1, "socks4") })),
      NotSupportedError,
      "socks4",
    );
  });

  it("looks names up and sends nothing when it prepares", async () => {
    await transport.prepare(localTarget(1, { host: "localhost" }));
    const error = await assertRejects(
      () => transport.prepare(localTarget(1, { host: "no-such-host.invalid" })),
      TransportError,
    );
    assertEquals(error.status, HttpStatus.CANT_RESOLVE);
  });

  it("writes what many exchanges send in one turn at its end, or once it is enough for the server to begin", async () => {
    const written: string[] = [];
    const texts = Array.from({ length: 40 }, (_, at) => String(at));
    for (const _ of texts) countExchange(1);
    try {
      for (const text of texts) writeSoon({ write: (sent) => void written.push(sent) }, text);
      assertEquals(written, texts.slice(0, 32));
      await setImmediate();
      assertEquals(written, texts);
    } finally {
      for (const _ of texts) countExchange(-1);
    }
  });
});
