// The documented event sequences, on both transportsWithHttp2. Short names: q queued, cc connection-created, s started, wh wbd wc wb wrote-…, gh gc gb got-…, re restarted, fi finished, cb callback, u unqueued.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HttpStatus, MessageFlags } from "../../../http/mod.ts";
import { routes, routeServer } from "../../_support/http_server.ts";
import { Recorder, sessionOn, transportsWithHttp2, wait } from "../../_support/http_sessions.ts";
import { freePort } from "../../_support/server_programs.ts";
import type { SocketServer } from "../../_support/socket_server.ts";

const GET = "q cc s wh wb gh(200) gc gb fi(200) cb u";

for (const transport of transportsWithHttp2) {
  describe(`event sequences on ${transport}`, () => {
    let server: SocketServer;
    /** Ends the last response of /cut in the middle of its body. */
    let cut = (): void => {};
    before(async () => {
      server = await routeServer({
        "/cut": (request, socket, running) => {
          cut = () => socket.end();
          routes["/half"]!(request, socket, running);
        },
      }, transport);
    });
    after(() => server.close());

    const recorder = (method: string, path: string, init?: ConstructorParameters<typeof Recorder>[3]) => {
      const session = sessionOn(transport);
      return new Recorder(session, method, server.origin + path, init);
    };
    const run = async (record: Recorder): Promise<string> => {
      try {
        return await record.run();
      } finally {
        await record.session.close();
      }
    };

    it("GET 200", async () => {
      const record = recorder("GET", "/ok");
      let atHeaders = -1;
      record.once("gh", () => atHeaders = record.msg.responseBody.byteLength);
      assertEquals(await run(record), GET);
      assertEquals(atHeaders, 0);
      assertEquals(new TextDecoder().decode(record.msg.responseBody), "0123456789");
    });

    it("POST with a body writes it before the response", async () => {
      const record = recorder("POST", "/echo", { body: "abc" });
      assertEquals(await run(record), "q cc s wh wbd wc wb gh(200) gc gb fi(200) cb u");
      assertEquals(new TextDecoder().decode(record.msg.responseBody), "POST abc");
    });

    it("302 GET restarts with the old response still there and the new URI set", async () => {
      const record = recorder("GET", "/302");
      let seen = "";
      record.once("re", () => {
        const { msg } = record;
        seen = `${msg.statusCode} ${msg.uri.pathname} ${msg.method} ${new TextDecoder().decode(msg.responseBody)}`;
      });
      assertEquals(
        await run(record),
        "q cc s wh wb gh(302) gc gb re(302) s wh wb gh(200) gc gb fi(200) cb u",
      );
      assertEquals(seen, "302 /ok GET moved");
    });

    it("302 POST becomes GET without body and Content-Type", async () => {
      const record = recorder("POST", "/302", { body: "abc", headers: { "content-type": "text/plain" } });
      let method = "";
      record.once("re", () => method = record.msg.method);
      const sequence = await run(record);
      assertEquals(
        sequence.replace(" cc", ""),
        "q s wh wbd wc wb gh(302) gc gb re(302) s wh wb gh(200) gc gb fi(200) cb u",
      );
      assertEquals(method, "GET");
      assertEquals(record.msg.requestHeaders.has("content-type"), false);
    });

    it("NO_REDIRECT leaves the 302 to the caller", async () => {
      const record = recorder("GET", "/302", { flags: [MessageFlags.NO_REDIRECT] });
      assertEquals(await run(record), "q cc s wh wb gh(302) gc gb fi(302) cb u");
      assertEquals(record.session.wouldRedirect(record.msg), true);
    });

    it("a loop ends after 20 redirects with TOO_MANY_REDIRECTS", async () => {
      const record = recorder("GET", "/loop");
      const sequence = await run(record);
      assertEquals(sequence.match(/\bs\b/g)?.length, 21);
      assertEquals(sequence.match(/\bre\b/g)?.length, 20);
      assert(sequence.endsWith("gh(302) gb fi(10) cb u"), sequence);
      assertEquals(record.msg.reasonPhrase, "Too many redirects");
    });

    it("302 without Location is an ordinary response", async () => {
      assertEquals(await run(recorder("GET", "/302-nowhere")), "q cc s wh wb gh(302) gc gb fi(302) cb u");
    });

    for (const path of ["/302-blank", "/302-empty"]) {
      it(`302 to ${path.slice(5)} is MALFORMED`, async () => {
        const record = recorder("GET", path);
        assertEquals(await run(record), "q cc s wh wb gh(302) gc gb fi(8) cb u");
        assertEquals(record.msg.reasonPhrase, "Invalid Redirect URL");
      });
    }

    it("cancel right after queueing runs everything before it returns", async () => {
      const record = recorder("GET", "/ok");
      const { session, msg } = record;
      session.queueMessage(msg, () => record.log.push("cb"));
      session.cancelMessage(msg);
      assertEquals(record.sequence, "q fi(1) cb u");
      await wait(5);
      assertEquals(record.sequence, "q fi(1) cb u");
      await session.close();
    });

    for (const place of ["s", "wh", "gh"] as const) {
      it(`cancel in ${place} ends there`, async () => {
        const record = recorder("GET", "/ok");
        let inside = "";
        record.once(place, () => {
          record.session.cancelMessage(record.msg);
          inside = record.sequence;
        });
        const end = { s: "q cc s", wh: "q cc s wh", gh: "q cc s wh wb gh(200)" }[place] + " fi(1) cb";
        assertEquals(await run(record), `${end} u`);
        // Others are still to hear that it has started: it is unqueued for them after that.
        assertEquals(inside, place === "s" ? end : `${end} u`);
        assertEquals(record.msg.responseBody.byteLength, 0);
      });
    }

    it("cancel in got-chunk keeps the partial body", async () => {
      const record = recorder("GET", "/half");
      record.once("gc", () => record.session.cancelMessage(record.msg));
      assertEquals(await run(record), "q cc s wh wb gh(200) gc fi(1) cb u");
      assertEquals(record.msg.responseBody.byteLength, 10);
    });

    it("cancel takes any status", async () => {
      const record = recorder("GET", "/ok");
      record.once("gh", () => record.session.cancelMessage(record.msg, 418));
      assertEquals(await run(record), "q cc s wh wb gh(200) fi(418) cb u");
      assertEquals(record.msg.reasonPhrase, "Unknown Error");
    });

    it("abort in got-headers is cancel with CANCELLED", async () => {
      const record = recorder("GET", "/ok");
      record.once("gh", () => record.session.abort());
      assertEquals(await run(record), "q cc s wh wb gh(200) fi(1) cb u");
    });

    it("cancel in finished has no effect", async () => {
      const record = recorder("GET", "/ok");
      record.once("fi", () => record.session.cancelMessage(record.msg, 418));
      assertEquals(await run(record), GET);
      assertEquals(record.msg.statusCode, 200);
    });

    it("requeue in got-body sends again on the same connection", async () => {
      const record = recorder("GET", "/ok");
      record.once("gb", () => record.session.requeueMessage(record.msg));
      assertEquals(await run(record), "q cc s wh wb gh(200) gc gb re(200) s wh wb gh(200) gc gb fi(200) cb u");
    });

    it("requeue in got-headers drops the body, and the connection but where it carries others too", async () => {
      const record = recorder("GET", "/ok");
      record.once("gh", () => record.session.requeueMessage(record.msg));
      const again = transport === "h2" ? "s" : "cc s";
      assertEquals(await run(record), `q cc s wh wb gh(200) re(200) ${again} wh wb gh(200) gc gb fi(200) cb u`);
    });

    it("requeue in finished finishes twice and unqueues once", async () => {
      const record = recorder("GET", "/ok");
      record.once("fi", () => record.session.requeueMessage(record.msg));
      assertEquals(
        await run(record),
        "q cc s wh wb gh(200) gc gb fi(200) cb re(200) s wh wb gh(200) gc gb fi(200) cb u",
      );
    });

    it("requeue in the callback restarts before request-unqueued", async () => {
      const record = recorder("GET", "/ok");
      let calls = 0;
      await new Promise<void>((resolve) => {
        record.session.addEventListener("request-unqueued", () => resolve());
        record.session.queueMessage(record.msg, (session, msg) => {
          record.log.push("cb");
          if (calls++ === 0) session.requeueMessage(msg);
        });
      });
      assertEquals(
        record.sequence,
        "q cc s wh wb gh(200) gc gb fi(200) cb re(200) s wh wb gh(200) gc gb fi(200) cb u",
      );
      await record.session.close();
    });

    it("pause in got-headers holds got-chunk back until unpause", async () => {
      const record = recorder("GET", "/ok");
      let whilePaused = "";
      record.once("gh", () => {
        record.session.pauseMessage(record.msg);
        setTimeout(() => {
          whilePaused = record.sequence;
          record.session.unpauseMessage(record.msg);
        }, 50);
      });
      assertEquals(await run(record), GET);
      assertEquals(whilePaused, "q cc s wh wb gh(200)");
    });

    it("a message paused right after queueing does not start", async () => {
      const record = recorder("GET", "/ok");
      const done = run(record);
      record.session.pauseMessage(record.msg);
      await wait(20);
      assertEquals(record.sequence, "q");
      record.session.unpauseMessage(record.msg);
      assertEquals(await done, GET);
    });

    it("a message paused in its queue is ended by abort", async () => {
      const record = recorder("GET", "/ok");
      const done = run(record);
      record.session.pauseMessage(record.msg);
      record.session.abort();
      assertEquals(await done, "q fi(1) cb u");
    });

    it("a refused connection is CANT_CONNECT", async () => {
      const session = sessionOn(transport);
      const record = new Recorder(session, "GET", `http://127.0.0.1:${await freePort()}/ok`);
      // Fetch connects inside its one call, so there the request has started; the socket transport connects before.
      const expected = session.capabilities.connectionEvents ? "q cc fi(4) cb u" : "q cc s fi(4) cb u";
      assertEquals(await run(record), expected);
      assertEquals(record.msg.statusCode, HttpStatus.CANT_CONNECT);
      assert(record.msg.error instanceof Error);
    });

    it("a name that does not resolve is CANT_RESOLVE", async () => {
      const session = sessionOn(transport);
      const record = new Recorder(session, "GET", "http://name.invalid/");
      const expected = session.capabilities.connectionEvents ? "q cc fi(2) cb u" : "q cc s fi(2) cb u";
      assertEquals(await run(record), expected);
    });

    it("a connection closed before the status line is IO_ERROR", async () => {
      const record = recorder("GET", "/close");
      assertEquals(await run(record), "q cc s wh wb fi(7) cb u");
    });

    it("a truncated body is IO_ERROR, keeps what came and has no got-body", async () => {
      const record = recorder("GET", "/cut");
      // Bun's streams drop bytes that arrive together with the error.
      record.once("gc", () => cut());
      assertEquals(await run(record), "q cc s wh wb gh(200) gc fi(7) cb u");
      assertEquals(record.msg.responseBody.byteLength, 10);
    });

    it("garbage is MALFORMED", async () => {
      const record = recorder("GET", "/garbage");
      const sequence = await run(record);
      assert(sequence.endsWith("fi(8) cb u"), sequence);
    });

    it("401 without an answer ends with the 401 and its body", async () => {
      const record = recorder("GET", "/401");
      const sequence = await run(record);
      assertEquals(sequence.replace(" auth", ""), "q cc s wh wb gh(401) gc gb fi(401) cb u");
      assertEquals(new TextDecoder().decode(record.msg.responseBody), "who?");
    });

    it("HEAD and empty bodies have no got-chunk", async () => {
      assertEquals(await run(recorder("HEAD", "/empty")), "q cc s wh wb gh(200) gb fi(200) cb u");
      assertEquals(await run(recorder("GET", "/empty")), "q cc s wh wb gh(200) gb fi(200) cb u");
    });

    it("a finished message can be queued again and forgets its response", async () => {
      const record = recorder("GET", "/ok");
      await record.run();
      record.log.length = 0;
      let status = -1;
      record.once("s", () => status = record.msg.statusCode);
      assertEquals((await run(record)).replace(" cc", ""), "q s wh wb gh(200) gc gb fi(200) cb u");
      assertEquals(status, 0);
    });
  });
}
