import { assert, assertEquals, assertInstanceOf, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { TransportError, type TransportPhase } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { NodeTransport } from "../../../../http/transports/node/node_transport.ts";
import { until } from "../../../_support/http_sessions.ts";
import { freePort } from "../../../_support/server_programs.ts";
import { reply, socketServer } from "../../../_support/socket_server.ts";
import { exchange, localTarget, requestFor, textOf } from "../../../_support/transport_driver.ts";

const transport = new NodeTransport();

/** Sends one GET to a server that does `act` with the socket once the request is there; reads the whole body. */
async function failureOf(
  act: (socket: Socket) => void,
  method = "GET",
): Promise<{ error: TransportError; requests: number }> {
  await using server = await socketServer((_request, socket) => act(socket));
  const target = localTarget(server.port);
  const connection = transport.createConnection(target);
  const error = await assertRejects(
    async () => await (await exchange(connection, requestFor(target, "/", { method }))).bytes(),
    TransportError,
  );
  assertEquals(connection.isOpen, false);
  return { error, requests: server.requests.length };
}

describe("NodeTransport failures", () => {
  it("tells a name that does not resolve from a host that refuses", async () => {
    const unknown = localTarget(80, { host: "no-such-host.invalid" });
    const unresolved = await assertRejects(
      () => exchange(transport.createConnection(unknown), requestFor(unknown, "/")),
      TransportError,
    );
    assertEquals([unresolved.status, unresolved.phase, unresolved.code], [
      HttpStatus.CANT_RESOLVE,
      "connect",
      "ENOTFOUND",
    ]);
    const closed = localTarget(await freePort());
    const refused = await assertRejects(
      () => exchange(transport.createConnection(closed), requestFor(closed, "/")),
      TransportError,
    );
    assertEquals([refused.status, refused.phase, refused.code], [HttpStatus.CANT_CONNECT, "connect", "ECONNREFUSED"]);
    assertInstanceOf(refused.cause, Error);
    assertStringIncludes(refused.message, `127.0.0.1:${closed.port}`);
  });

  it("gives each way a server can fail its status, phase and original error", async () => {
    const head = "HTTP/1.1 200 OK\r\n";
    const cases: [string, (socket: Socket) => void, number, TransportPhase, string][] = [
      ["closes", (socket) => socket.end(), HttpStatus.IO_ERROR, "send", "ERR_HTTP_TRUNCATED_RESPONSE"],
      ["resets", (socket) => socket.resetAndDestroy(), HttpStatus.IO_ERROR, "send", "ECONNRESET"],
      [
        "ends in its header",
        (socket) => socket.end(head),
        HttpStatus.IO_ERROR,
        "response",
        "ERR_HTTP_TRUNCATED_RESPONSE",
      ],
      [
        "truncates",
        (socket) => socket.end(`${head}Content-Length: 9\r\n\r\nabc`),
        HttpStatus.IO_ERROR,
        "response",
        "ERR_HTTP_TRUNCATED_RESPONSE",
      ],
      [
        "truncates chunks",
        (socket) => socket.end(`${head}Transfer-Encoding: chunked\r\n\r\n3\r\nab`),
        HttpStatus.IO_ERROR,
        "response",
        "ERR_HTTP_TRUNCATED_RESPONSE",
      ],
      [
        "says nonsense",
        (socket) => socket.write("garbage\r\n\r\n"),
        HttpStatus.MALFORMED,
        "response",
        "ERR_HTTP_MALFORMED_RESPONSE",
      ],
      [
        "sends bad chunks",
        (socket) => socket.write(`${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`),
        HttpStatus.MALFORMED,
        "response",
        "ERR_HTTP_MALFORMED_RESPONSE",
      ],
      [
        "sends a huge header",
        (socket) => socket.write(`${head}X: ${"y".repeat(1 << 20)}\r\n\r\n`),
        HttpStatus.MALFORMED,
        "response",
        "ERR_HTTP_HEADERS_TOO_LARGE",
      ],
    ];
    for (const [what, act, status, phase, code] of cases) {
      const { error, requests } = await failureOf(act);
      assertEquals([what, error.status, error.phase, error.code, requests], [what, status, phase, code, 1]);
      assertInstanceOf(error.cause, Error);
    }
  });

  it("refuses a header of 10 MB after reading little of it", async () => {
    let written = 0;
    const { error } = await failureOf((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const line = Buffer.from(`X-Long: ${"y".repeat(60_000)}\r\n`);
      const more = () => {
        for (; written < 10_000_000 && !socket.destroyed; written += line.byteLength) {
          if (!socket.write(line)) return void socket.once("drain", more);
        }
      };
      more();
    });
    assertEquals([error.status, error.code], [HttpStatus.MALFORMED, "ERR_HTTP_HEADERS_TOO_LARGE"]);
    assertLess(written, 10_000_000);
  });

  it("delivers what had arrived before a body failed", async () => {
    let reset = (): void => {};
    await using server = await socketServer((_request, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
      reset = () => socket.resetAndDestroy();
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const reader = (await exchange(connection, requestFor(target, "/"))).body!.getReader();
    reset();
    await until(() => !connection.isOpen);
    assertEquals(new TextDecoder().decode((await reader.read()).value), "abc");
    const error = await assertRejects(() => reader.read(), TransportError);
    assertEquals([error.status, error.code], [HttpStatus.IO_ERROR, "ECONNRESET"]);
  });

  it("never sends a request again, on new connections and on reused ones", async () => {
    for (const method of ["GET", "POST"]) {
      await using server = await socketServer((request, socket) => {
        if (server.requests.length === 1) socket.write(reply("200 OK"));
        else if (request.method === "GET") socket.destroy();
        else socket.resetAndDestroy();
      });
      const target = localTarget(server.port);
      const connection = transport.createConnection(target);
      await (await exchange(connection, requestFor(target, "/", { method }))).bytes();
      const error = await assertRejects(
        () => exchange(connection, requestFor(target, "/", { method })),
        TransportError,
      );
      assertEquals([error.status, error.phase], [HttpStatus.IO_ERROR, "send"]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assertEquals([server.requests.length, server.connections], [2, 1]);
    }
  });

  it("reads an answer that came before the server stopped listening to the body", async () => {
    let hangUp = (): void => {};
    await using server = await socketServer(() => {}, {
      onConnection: (socket) => {
        socket.once("data", () => {
          socket.write(reply("413 Too Large", "enough", ["Connection: close"]));
          hangUp = () => socket.destroy();
        });
        return true;
      },
    });
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        controller.enqueue(new Uint8Array(65536));
      },
    });
    const response = await exchange(connection, requestFor(target, "/", { method: "POST", body }));
    hangUp();
    assertEquals([response.status, await textOf(response)], [413, "enough"]);
  });

  it("gives up connecting when it is closed, and leaves no socket behind", async () => {
    await using server = await socketServer(() => {});
    const target = localTarget(server.port, { scheme: "https" });
    const connection = transport.createConnection(target);
    const reason = new Error("too slow");
    const opening = exchange(connection, requestFor(target, "/"));
    void until(() => server.connections === 1).then(() => connection.close(reason));
    assertEquals(await opening.catch((error) => error), reason);
    for (const socket of server.open) if (!socket.destroyed) await once(socket, "close");
    assertEquals(server.open.size, 0);
    assertEquals(server.connections, 1);
  });

  it("closes connections so that the server sees it at once", async () => {
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
    const target = localTarget(server.port);
    const connection = transport.createConnection(target);
    await (await exchange(connection, requestFor(target, "/"))).bytes();
    assertEquals(server.open.size, 1);
    const [socket] = server.open;
    assert(socket);
    connection.close();
    await once(socket, "close");
  });
});
