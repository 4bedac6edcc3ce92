// Numbers: which may be given, and what servers say about times (internal/time_limits.ts, http/pool/connection_pool.ts).
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { AuthDigest } from "../../../http/features/auth/digest.ts";
import { HttpCache } from "../../../http/features/cache/http_cache.ts";
import { CookieJar } from "../../../http/features/cookies/cookie_jar.ts";
import { HarRecorder } from "../../../http/features/logging/har_recorder.ts";
import { HstsEnforcer } from "../../../http/features/hsts/hsts_enforcer.ts";
import { Logger } from "../../../http/features/logging/logger.ts";
import { HttpMessage, type MessagePriority } from "../../../http/message/message.ts";
import { parseChallenges } from "../../../http/protocol/challenges.ts";
import { RateLimit } from "../../../http/features/rate_limit.ts";
import { Retry } from "../../../http/features/retry.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { ContentDecoder } from "../../../http/features/content_decoder.ts";
import { ContentSniffer } from "../../../http/features/sniffing/content_sniffer.ts";
import { EventStreamParser } from "../../../http/streams/event_stream_parser.ts";
import { readNdjson } from "../../../http/streams/ndjson.ts";
import { serverSentEvents, type ServerSentEventsOptions } from "../../../http/streams/server_sent_events.ts";
import { Timeouts } from "../../../http/features/timeouts.ts";
import { FetchTransport } from "../../../http/transports/fetch/fetch_transport.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";
import { sessionOn, transports, until } from "../../_support/http_sessions.ts";

/** A slot of Node's fetch is no connection. */
function skipOf(transport: "fetch" | "node"): string | false {
  const { exactConnections, runtime } = sessionOn(transport).capabilities;
  return exactConnections ? false : `${runtime}'s fetch keeps its connections to itself`;
}

/** Every number a caller can give: what takes it, and what it takes besides finite numbers from 1. */
const numbers:
  readonly (readonly [name: string, set: (value: number) => unknown, also?: readonly (number | null)[]])[] = [
    ["session.timeout", (value) => session.timeout = value, [0, Infinity, null]],
    ["session.idleTimeout", (value) => session.idleTimeout = value, [0, Infinity, null]],
    ["session.maxConns", (value) => session.maxConns = value],
    ["session.maxConnsPerHost", (value) => session.maxConnsPerHost = value],
    ["session.set timeout", (value) => session.set("timeout", value), [0, Infinity, null]],
    ["session.set max-conns", (value) => session.set("max-conns", value)],
    ...(["maxHeaderBytes", "maxBodyBytes", "maxConns", "maxConnsPerHost"] as const).map((name) =>
      [`HttpSession ${name}`, (value: number) => void new HttpSession({ [name]: value }).close()] as const
    ),
    ...(["timeout", "idleTimeout"] as const).map((name) =>
      [`HttpSession ${name}`, (value: number) => void new HttpSession({ [name]: value }).close(), [
        0,
        Infinity,
        null,
      ]] as const
    ),
    ["cancelMessage", (value) => session.cancelMessage(new HttpMessage("GET", url), value)],
    ["fetch timeout", (timeout) => session.fetch(url, { timeout }), [0, Infinity, null]],
    ["HttpMessage timeout", (timeout) => new HttpMessage("GET", url, { timeout }), [0, Infinity, null]],
    ["HttpMessage bodyLength", (bodyLength) => new HttpMessage("PUT", url, { bodyLength }), [0, null]],
    ["HttpMessage priority", (value) => new HttpMessage("GET", url, { priority: value as MessagePriority }), [0]],
    ["msg.timeout", (value) => new HttpMessage("GET", url).timeout = value, [0, Infinity, null]],
    ["msg.requestBodyLength", (value) => new HttpMessage("GET", url).requestBodyLength = value, [0, null]],
    ["msg.priority", (value) => new HttpMessage("GET", url).priority = value as MessagePriority, [0]],
    ["RateLimit requests", (requests) => new RateLimit({ requests }), [0.5, Infinity]],
    ["RateLimit interval", (interval) => new RateLimit({ requests: 1, interval }), [0.5, Infinity]],
    ["RateLimit burst", (burst) => new RateLimit({ burst }), [1.5, Infinity]],
    ["RateLimit maxHold", (maxHold) => new RateLimit({ maxHold }), [0, Infinity]],
    ...(["connect", "idle", "total"] as const).map((name) =>
      [`Timeouts ${name}`, (value: number) => new Timeouts({ [name]: value }), [0, Infinity, null]] as const
    ),
    ...(["baseDelay", "maxDelay", "limit"] as const).map((name) =>
      [`Retry ${name}`, (value: number) => new Retry({ [name]: value }), [0, Infinity]] as const
    ),
    ["Retry jitter", (jitter) => new Retry({ jitter }), [0, 0.5]],
    ["Retry budget.capacity", (capacity) => new Retry({ budget: { capacity } }), [0, Infinity]],
    ["Retry budget.ratio", (ratio) => new Retry({ budget: { ratio } }), [0, Infinity]],
    ["ContentSniffer maxWait", (maxWait) => new ContentSniffer({ maxWait }), [0, Infinity]],
    ["ContentDecoder maxSize", (maxSize) => new ContentDecoder({ maxSize }), [0, Infinity]],
    ["Logger maxBodySize", (maxBodySize) => new Logger({ maxBodySize }), [-1, 0, Infinity]],
    ["logger.maxBodySize", (value) => new Logger().maxBodySize = value, [-1, 0, Infinity]],
    ["HarRecorder maxBodySize", (maxBodySize) => new HarRecorder({ maxBodySize }), [-1, 0, Infinity]],
    ["HarRecorder maxEntries", (maxEntries) => new HarRecorder({ maxEntries })],
    ["CookieJar maxCookies", (maxCookies) => new CookieJar({ maxCookies })],
    ["CookieJar maxCookiesPerSite", (maxCookiesPerSite) => new CookieJar({ maxCookiesPerSite })],
    ["HstsEnforcer maxPolicies", (maxPolicies) => new HstsEnforcer({ maxPolicies })],
    ["HttpCache maxBytes", (maxBytes) => new HttpCache({ maxBytes }), [0, Infinity]],
    ["HttpCache maxEntryBytes", (maxEntryBytes) => new HttpCache({ maxEntryBytes }), [0, Infinity]],
    ["cache.maxBytes", (value) => new HttpCache().maxBytes = value, [0, Infinity]],
    ["EventStreamParser maxEventSize", (maxEventSize) => new EventStreamParser({ maxEventSize }), [0, Infinity]],
    ["readNdjson maxRecordSize", (maxRecordSize) => readNdjson(new Response(), { maxRecordSize }).next(), [
      0,
      Infinity,
    ]],
    ...(["reconnectDelay", "maxReconnectDelay"] as const).map((name) =>
      [`serverSentEvents ${name}`, (value: number) => firstEvent({ [name]: value }), [0, Infinity]] as const
    ),
    ["serverSentEvents maxFailures", (maxFailures) => firstEvent({ maxFailures }), [0, Infinity]],
  ];

/** What is counted, and has no halves. */
const counts: readonly string[] = [
  "Retry limit",
  "Retry budget.capacity",
  "ContentDecoder maxSize",
  "EventStreamParser maxEventSize",
  "readNdjson maxRecordSize",
  "serverSentEvents maxFailures",
];

/** Answers every request itself, and closes nothing that a test would wait for. */
const session = new HttpSession({ transport: new FetchTransport({ fetch: () => Promise.resolve(new Response()) }) });
const url = "http://x.test/";

async function firstEvent(options: ServerSentEventsOptions): Promise<void> {
  const signal = AbortSignal.abort();
  await serverSentEvents(session, url, { ...options, signal }).next().catch((error) => {
    if (error !== signal.reason) throw error;
  });
}

async function outcome(set: (value: number) => unknown, value: unknown): Promise<unknown> {
  try {
    await set(value as number);
    return null;
  } catch (error) {
    assert(error instanceof TypeError || error instanceof RangeError, String(error));
    assert(/^Cannot set .*: it must be /.test(error.message), error.message);
    return error instanceof RangeError ? RangeError : TypeError;
  }
}

describe("numbers", () => {
  for (const [name, set, also = []] of numbers) {
    it(`${name} takes numbers in its range alone`, async () => {
      for (const value of [1, ...also]) assertEquals([value, await outcome(set, value)], [value, null]);
      for (const value of [-2, -1, NaN, -Infinity, 0.5, 0, Infinity]) {
        if (also.includes(value)) continue;
        const isFraction = value === 0.5 && also.includes(0) && await outcome(set, 0.5) === null;
        if (!isFraction) assertEquals([value, await outcome(set, value)], [value, RangeError]);
      }
      if (counts.includes(name)) assertEquals(await outcome(set, 1.5), RangeError);
      for (const value of ["1", "", true, {}, 1n]) {
        if (value === true && name === "Retry jitter") continue;
        assertEquals([value, await outcome(set, value)], [value, TypeError]);
      }
    });
  }

  it("that set no limit read as 0", () => {
    const msg = new HttpMessage("GET", url, { timeout: Infinity });
    assertEquals(msg.timeout, 0);
    msg.timeout = null;
    assertEquals(msg.timeout, null, "the session's holds");
    assertEquals(new Timeouts({ idle: Infinity, total: 2 ** 31 }), new Timeouts());
    session.set("timeout", null);
    session.idleTimeout = Infinity;
    assertEquals([session.timeout, session.idleTimeout], [0, 0]);
  });
});

describe("limits of time", () => {
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
        // It is closed when its time is over.
        await until(() => session.connections.length === 0);
      },
    );
  }

  it("an empty qop of Digest is none", () => {
    const [challenge] = parseChallenges('Digest realm="r", nonce="n", qop=""');
    assertEquals(AuthDigest.rank(challenge!) >= 0, true);
  });
});
