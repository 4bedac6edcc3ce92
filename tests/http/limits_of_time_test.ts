// Times: what may be set, and what servers say about theirs (http/time_limits.ts, http/connection_pool.ts).
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { AuthDigest } from "../../http/auth/digest.ts";
import { Logger } from "../../http/logging/logger.ts";
import { HttpMessage } from "../../http/message.ts";
import { parseChallenges } from "../../http/parsers/challenges.ts";
import { RateLimit } from "../../http/rate_limit.ts";
import { Retry } from "../../http/retry.ts";
import { HttpSession } from "../../http/session.ts";
import { ContentDecoder } from "../../http/decoding/content_decoder.ts";
import { ContentSniffer } from "../../http/sniffing/content_sniffer.ts";
import { EventStreamParser } from "../../http/streams/event_stream_parser.ts";
import { readNdjson } from "../../http/streams/ndjson.ts";
import { serverSentEvents } from "../../http/streams/server_sent_events.ts";
import { Timeouts } from "../../http/timeouts.ts";
import { reply, socketServer } from "../_support/socket_server.ts";
import { sessionOn, transports, wait } from "../_support/http_sessions.ts";

/** A slot of Node's fetch is no connection. */
function skipOf(transport: "fetch" | "node"): string | false {
  const { exactConnections, runtime } = sessionOn(transport).capabilities;
  return exactConnections ? false : `${runtime}'s fetch keeps its connections to itself`;
}

describe("limits of time", () => {
  for (const bad of [-1, NaN, -Infinity]) {
    it(`${bad} is a RangeError wherever a time is set`, async () => {
      await using session = new HttpSession();
      assertThrows(() => new HttpMessage("GET", "http://x.test/", { timeout: bad }), RangeError);
      assertThrows(() => new HttpMessage("GET", "http://x.test/").timeout = bad, RangeError);
      assertThrows(() => session.timeout = bad, RangeError);
      assertThrows(() => session.idleTimeout = bad, RangeError);
      assertThrows(() => new RateLimit({ maxHold: bad }), RangeError);
      for (const name of ["connect", "idle", "total"]) assertThrows(() => new Timeouts({ [name]: bad }), RangeError);
      for (const name of ["baseDelay", "maxDelay", "limit", "jitter"]) {
        assertThrows(() => new Retry({ [name]: bad }), RangeError);
      }
      assertThrows(() => new ContentSniffer({ maxWait: bad }), RangeError);
      assertThrows(() => new ContentDecoder({ maxSize: bad }), RangeError);
      if (bad !== -1) assertThrows(() => new Logger({ maxBodySize: bad }), RangeError);
      assertThrows(() => new EventStreamParser({ maxEventSize: bad }), RangeError);
      await assertRejects(() => readNdjson(new Response("1"), { maxRecordSize: bad }).next(), RangeError);
      for (const name of ["reconnectDelay", "maxReconnectDelay", "maxFailures"]) {
        const events = serverSentEvents(session, "http://x.test/", { [name]: bad });
        await assertRejects(() => events.next(), RangeError, name);
      }
      const failure = await session.fetch("http://x.test/", { timeout: bad }).catch((error) => error);
      assertEquals(failure instanceof RangeError, true, String(failure));
    });
  }

  for (const transport of transports) {
    it(`${transport}: a length of a stream that is none is not sent`, async () => {
      await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")));
      await using session = sessionOn(transport);
      for (const bodyLength of [-1, NaN, 1.5, "3" as unknown as number]) {
        const body = new Blob(["abc"]).stream();
        const msg = new HttpMessage("POST", server.origin, { body, bodyLength });
        await session.sendMessage(msg);
        assert(msg.error instanceof RangeError, String(bodyLength));
        assertEquals(server.requests.length, 0);
      }
    });
  }

  it("0, null and Infinity set no limit, and text is a TypeError", () => {
    const msg = new HttpMessage("GET", "http://x.test/", { timeout: Infinity });
    assertEquals(msg.timeout, 0);
    msg.timeout = null;
    assertEquals(msg.timeout, null);
    assertEquals(new Timeouts({ idle: Infinity, total: 2 ** 31 }).idle, 0);
    for (const text of ["1", ""] as unknown as number[]) {
      assertThrows(() => msg.timeout = text, TypeError);
      for (const name of ["connect", "idle", "total"]) assertThrows(() => new Timeouts({ [name]: text }), TypeError);
      for (const name of ["baseDelay", "maxDelay", "limit", "jitter"]) {
        assertThrows(() => new Retry({ [name]: text }), TypeError);
      }
      assertThrows(() => new RateLimit({ maxHold: text }), TypeError);
      assertThrows(() => new ContentSniffer({ maxWait: text }), TypeError);
      assertThrows(() => new ContentDecoder({ maxSize: text }), TypeError);
    }
  });

  for (const transport of transports) {
    it(
      `a connection is not used for longer than its server keeps it, over ${transport}`,
      { skip: skipOf(transport) },
      async () => {
        let hint = "timeout=100, max=100";
        await using server = await socketServer((_, socket) =>
          socket.write(reply("200 OK", "ok", hint === "" ? [] : [`Keep-Alive: ${hint}`]))
        );
        await using session = sessionOn(transport);
        const get = () => session.sendMessage(new HttpMessage("GET", server.origin));
        await get();
        hint = "";
        await get();
        assertEquals(server.connections, 1);
        hint = "timeout=0";
        await get();
        await get();
        assertEquals(server.connections, 2);
        hint = "timeout=1";
        await get();
        for (let turn = 0; turn < 500 && session.connections.length > 0; turn++) await wait(10);
        assertEquals(session.connections.length, 0, "it is closed when its time is over");
      },
    );
  }

  it("an empty qop of Digest is none", () => {
    const [challenge] = parseChallenges('Digest realm="r", nonce="n", qop=""');
    assertEquals(AuthDigest.rank(challenge!) >= 0, true);
  });
});
