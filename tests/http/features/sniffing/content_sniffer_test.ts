import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { HttpMessage } from "../../../../http/message/message.ts";
import { ContentSniffer } from "../../../../http/features/sniffing/content_sniffer.ts";
import { ask, bytesReply, featureBench, TRANSPORTS, WAYS } from "../../../_support/feature_session.ts";
import { reply } from "../../../_support/socket_server.ts";

/** Notes the order of the events a sniffer is about. */
function watch(log: string[]): (msg: HttpMessage) => void {
  return (msg) => {
    for (const name of ["got-headers", "got-chunk", "got-body"] as const) {
      msg.addEventListener(name, () => void (log.at(-1) === name || log.push(name)));
    }
    msg.addEventListener("content-sniffed", (event) => {
      log.push([event.contentType, ...Object.entries(event.parameters).map((pair) => pair.join("="))].join(";"));
    });
  };
}

describe("ContentSniffer", () => {
  for (const transport of TRANSPORTS) {
    for (const way of WAYS) {
      it(`says what a body is before its first chunk over ${transport} through ${way}`, async () => {
        const png = "\x89PNG\r\n\x1a\n";
        const answers: Record<string, [answer: string | Uint8Array, type: string]> = {
          "/sniffed": [reply("200 OK", "<!doctype html><p>"), "text/html"],
          "/declared": [
            reply("200 OK", "{}", ["Content-Type: application/json; charset=utf-8; x=y"]),
            "application/json;charset=utf-8;x=y",
          ],
          "/nosniff": [
            reply("200 OK", "GIF89a", ["Content-Type: image/png", "X-Content-Type-Options: nosniff"]),
            "image/png",
          ],
          "/corrected": [reply("200 OK", "GIF89a", ["Content-Type: image/png"]), "image/gif"],
          "/encoded": [
            bytesReply("200 OK", gzipSync(Uint8Array.from(png, (c) => c.charCodeAt(0))), ["Content-Encoding: gzip"]),
            "image/png",
          ],
          "/long": [reply("200 OK", "%PDF-" + "x".repeat(200_000)), "application/pdf"],
        };
        await using bench = await featureBench((request, socket) => socket.write(answers[request.target]![0]), {
          transport,
          features: [new ContentSniffer()],
        });
        for (const [path, [, type]] of Object.entries(answers)) {
          const log: string[] = [];
          const { error, text } = await ask(bench.session, way, bench.server.origin + path, { prepare: watch(log) });
          assertEquals(error, null);
          assertEquals(log, ["got-headers", type, "got-chunk", "got-body"], path);
          if (path === "/long") assertEquals(text.length, 200_005);
        }
      });
    }
  }

  for (const transport of TRANSPORTS) {
    it(`says nothing of an attempt that has ended, over ${transport}`, async () => {
      await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "hello")), {
        transport,
        features: [new ContentSniffer()],
      });
      const { session, server } = bench;
      for (const way of ["cancelMessage", "requeueMessage"] as const) {
        for (let turns = 0; turns < 6; turns++) {
          const log: string[] = [];
          const msg = new HttpMessage("GET", server.origin);
          watch(log)(msg);
          msg.addEventListener("restarted", () => log.push("restarted"));
          msg.addEventListener("got-headers", async () => {
            for (let turn = 0; turn < turns; turn++) await null;
            // It may be over by then.
            if ([...session.messages()].includes(msg)) session[way](msg);
          }, { once: true });
          await session.sendMessage(msg);
          await new Promise((resolve) => setTimeout(resolve, 2));
          const all = "got-headers( text/plain( got-chunk( got-body)?)?)?";
          const expected = way === "cancelMessage" ? `^${all}$` : `^(${all} restarted )?${all}$`;
          assert(new RegExp(expected).test(log.join(" ")), `${way} ${turns}: ${log.join(" ")}`);
        }
      }
    });
  }

  it("waits for enough of the body, but not for ever", async () => {
    const parts = ["<!-- ", "x".repeat(600), "-->", "<html>"];
    // Once the rest comes without being asked for, once only when the first chunk has been handed out.
    for (const maxWait of [100_000, 50]) {
      const isPatient = maxWait > 50;
      let sent = 0;
      let sendRest = (): void => {};
      await using bench = await featureBench((_request, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const send = (): void => {
          if (sent === parts.length) return void socket.write("0\r\n\r\n");
          const part = parts[sent++]!;
          socket.write(`${part.length.toString(16)}\r\n${part}\r\n`);
          sendRest = send;
          if (isPatient || sent > 1) setTimeout(send, 20);
        };
        send();
      }, { features: [new ContentSniffer({ maxWait })] });
      const log: string[] = [];
      let sentAtFirst = 0;
      const { text } = await ask(bench.session, "queue", bench.url, {
        prepare(msg) {
          watch(log)(msg);
          msg.addEventListener("got-chunk", () => {
            if (sentAtFirst > 0) return;
            sentAtFirst = sent;
            if (!isPatient) sendRest();
          });
        },
      });
      assertEquals(text, parts.join(""));
      assertEquals(log, ["got-headers", "text/html", "got-chunk", "got-body"]);
      assertEquals(sentAtFirst, isPatient ? parts.length : 1);
    }
  });

  it("sniffs the response that stays, not the redirect, and nothing without a body", async () => {
    await using bench = await featureBench((request, socket) => {
      if (request.target === "/") socket.write(reply("302 Found", "", ["Location: /end"]));
      else if (request.method === "HEAD") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
      else if (request.target === "/none") socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      else socket.write(reply("200 OK", "ID3\x04"));
    }, { features: [new ContentSniffer()] });
    const types = async (path: string, method = "GET"): Promise<string[]> => {
      const found: string[] = [];
      await ask(bench.session, "queue", bench.server.origin + path, {
        method,
        prepare: (msg) => msg.addEventListener("content-sniffed", (event) => found.push(event.contentType)),
      });
      return found;
    };
    assertEquals((await types("/")).at(-1), "audio/mpeg");
    assertEquals(await types("/end", "HEAD"), []);
    assertEquals(await types("/none"), []);
  });

  it("fails with the body it waits for", async () => {
    await using bench = await featureBench((_request, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\nabc");
      setTimeout(() => socket.destroy(), 30);
    }, { features: [new ContentSniffer()] });
    const log: string[] = [];
    const { msg } = await ask(bench.session, "queue", bench.url, { prepare: watch(log) });
    assertEquals(msg.statusCode, 7);
    assertEquals(log, ["got-headers"]);
  });

  it("refuses a bad wait", () => {
    assertThrows(() => new ContentSniffer({ maxWait: -1 }), RangeError, "Cannot set maxWait to -1");
  });
});
