import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { HttpError } from "../../../http/message/http_error.ts";
import { HttpMessage } from "../../../http/message/message.ts";
import { streamMessage } from "../../../http/streams/message_body.ts";
import { readNdjson } from "../../../http/streams/ndjson.ts";
import { readServerSentEvents, serverSentEvents } from "../../../http/streams/server_sent_events.ts";
import { chunkedReply, featureBench, TRANSPORTS } from "../../_support/feature_session.ts";
import { until } from "../../_support/http_sessions.ts";
import { reply } from "../../_support/socket_server.ts";

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

describe("streams over a session", () => {
  for (const transport of TRANSPORTS) {
    const on = `over ${transport}`;

    it(`keep an event stream open across connections ${on}`, async () => {
      await using bench = await featureBench((request, socket) => {
        const last = Number(request.headers.get("last-event-id") ?? 0);
        if (last === 4) return socket.write("HTTP/1.1 204 No Content\r\n\r\n");
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
        socket.write(`retry: 1\nid: ${last + 1}\ndata: ${last + 1}\n\n`);
        socket.end(`id: ${last + 2}\ndata: ${last + 2}\n\ndata: cut o`);
      }, { transport });
      const data: string[] = [];
      for await (const event of serverSentEvents(bench.session, bench.url)) data.push(event.data);
      assertEquals(data, ["1", "2", "3", "4"]);
      assertEquals(bench.server.requests.length, 3);
    });

    it(`open an event stream again that breaks off ${on}`, async () => {
      let count = 0;
      let breakOff = () => {};
      await using bench = await featureBench((_request, socket) => {
        if (++count === 3) return socket.write("HTTP/1.1 204 No Content\r\n\r\n");
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        socket.write("b\r\ndata: hey\n\n\r\n");
        breakOff = () => socket.destroy();
      }, { transport });
      const seen: string[] = [];
      const errors: unknown[] = [];
      const options = { reconnectDelay: 1, onReconnect: ({ error }: { error: unknown }) => void errors.push(error) };
      for await (const event of serverSentEvents(bench.session, bench.url, options)) {
        seen.push(event.data);
        breakOff();
      }
      assertEquals(seen, ["hey", "hey"]);
      assert(errors.every((error) => error instanceof TypeError), String(errors));
    });

    it(`leave no connection behind when a loop is left ${on}`, async () => {
      await using bench = await featureBench((_request, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        socket.write("b\r\ndata: hey\n\n\r\n");
      }, { transport });
      for await (const event of serverSentEvents(bench.session, bench.url)) {
        assertEquals(event.data, "hey");
        break;
      }
      if (!bench.session.capabilities.exactConnections) return; // Node's fetch keeps its sockets to itself.
      await until(() => bench.server.open.size === 0);
    });

    it(`give a message's body as it arrives, redirects and compression done ${on}`, async () => {
      const records = Array.from({ length: 50 }, (_, n) => JSON.stringify({ n })).join("\n");
      await using bench = await featureBench((request, socket) => {
        if (request.target === "/") socket.write(reply("302 Found", "not this", ["Location: /end"]));
        else socket.write(chunkedReply("200 OK", [new TextEncoder().encode(records)]));
      }, { transport });
      const numbers: number[] = [];
      const msg = new HttpMessage("GET", bench.url);
      for await (const { n } of readNdjson<{ n: number }>(await streamMessage(bench.session, msg))) numbers.push(n);
      assertEquals(numbers.length, 50);
      assertEquals(msg.uri.pathname, "/end");
    });

    it(`hold a server back while nobody reads ${on}`, async () => {
      let written = 0;
      await using bench = await featureBench((_request, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
        const chunk = new Uint8Array(100_000);
        const write = (): void => {
          while (written < 500) {
            written++;
            if (!socket.write(chunk)) return void socket.once("drain", write);
          }
        };
        write();
      }, { transport });
      const stream = await streamMessage(bench.session, new HttpMessage("GET", bench.url));
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert(written < 400, `${written} chunks written`);
      let size = 0;
      for await (const chunk of stream) size += chunk.byteLength;
      assertEquals(size, 50_000_000);
    });

    it(`fail as their message fails ${on}`, async () => {
      await using bench = await featureBench((request, socket) => {
        if (request.target === "/lost") socket.destroy();
        else if (request.target === "/cut") {
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc");
          setTimeout(() => socket.destroy(), 20);
        } else if (request.target === "/missing") socket.write(reply("404 Not Found", "nothing here"));
        else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc");
      }, { transport });
      const open = (path: string, signal?: AbortSignal) =>
        streamMessage(
          bench.session,
          new HttpMessage("POST", bench.server.origin + path),
          signal === undefined ? {} : { signal },
        );
      await assertRejects(() => open("/lost"), HttpError);
      await assertRejects(async () => textOf(await open("/cut")), HttpError);
      assertEquals(await textOf(await open("/missing")), "nothing here");
      const controller = new AbortController();
      const stream = await open("/endless", controller.signal);
      setTimeout(() => controller.abort("enough"), 20);
      assertEquals(await assertRejects(() => textOf(stream)), "enough");
      assertEquals(await assertRejects(() => open("/x", AbortSignal.abort("before"))), "before");
    });

    it(`cancel their message when they are cancelled ${on}`, async () => {
      await using bench = await featureBench((_request, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n");
      }, { transport });
      const msg = new HttpMessage("GET", bench.url);
      for await (const event of readServerSentEvents(await streamMessage(bench.session, msg))) {
        assertEquals(event.data, "a");
        break;
      }
      assertEquals(msg.statusCode, 1);
    });
  }
});
