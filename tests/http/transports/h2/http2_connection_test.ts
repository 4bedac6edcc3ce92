// The client's side of HTTP/2 against a scripted server in memory.
import { assert, assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { TransportError } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { usualTimes } from "../../../../http/transports/h2/connection_options.ts";
import { ErrorCode } from "../../../../http/transports/h2/wire/errors.ts";
import { Flag, frame as frameOf, FrameType, Setting, uint32 } from "../../../../http/transports/h2/wire/frames.ts";
import { STREAM_WINDOW } from "../../../../http/transports/h2/stream.ts";
import type { TransportResponse } from "../../../../http/transports/transport.ts";
import { data, flushed, goAway, Http2Peer, reset, windowUpdate } from "../../../_support/http2_peer.ts";
import { pseudoRandom } from "../../../_support/pseudo_random.ts";
import { streamOf, textOf } from "../../../_support/transport_driver.ts";

const body = (length: number) => new Uint8Array(length).fill(120);

/** A peer that has greeted. */
function peer(...settings: [number, number][]): Http2Peer {
  const made = new Http2Peer();
  made.greet(...settings);
  return made;
}

async function failureOf(response: Promise<TransportResponse>): Promise<TransportError> {
  return await assertRejects(() => response, TransportError);
}

describe("an HTTP/2 connection", () => {
  it("greets, and answers the server's settings", async () => {
    const server = peer();
    const [first, second] = await server.seen(FrameType.SETTINGS);
    assertEquals([server.frames[0], first!.flags, second!.flags], [first, 0, Flag.ACK]);
    const settings = new Map<number, number>();
    for (let offset = 0; offset < first!.payload.length; offset += 6) {
      settings.set(first!.payload[offset + 1]!, uint32(first!.payload, offset + 2));
    }
    assertEquals([settings.get(Setting.ENABLE_PUSH), settings.get(Setting.INITIAL_WINDOW_SIZE)], [0, STREAM_WINDOW]);
  });

  it("writes a request without what belongs to HTTP/1.1", async () => {
    const server = peer();
    const headers: [string, string][] = [
      ...[["Connection", "Keep-Alive, x-hop"], ["X-Hop", "1"], ["Host", "other.example"], ["TE", "gzip, trailers"]],
      ...[["Transfer-Encoding", "chunked"], ["Upgrade", "h2c"], ["Accept", " */* "], ["Cookie", "a=b"]],
    ] as [string, string][];
    server.request("/path?query", { method: "POST", headers, body: body(3) });
    assertEquals(server.fieldsOf((await server.seen(FrameType.HEADERS))[0]!), [
      [":method", "POST"],
      [":scheme", "https"],
      [":authority", "other.example"],
      [":path", "/path?query"],
      ["te", "trailers"],
      ["accept", "*/*"],
      ["cookie", "a=b"],
    ]);
  });

  it("hands a small response over whole, with the events of HTTP/1.1", async () => {
    const server = peer();
    const { observer, response } = server.request("/");
    server.respond(1, "hello", [["content-length", "5"], ["x-a", "1"]]);
    const { headers, httpVersion, status, statusText, whole } = await response;
    assertEquals([status, statusText, httpVersion, headers.get("x-a"), whole?.byteLength], [200, "", "2", "1", 5]);
    assertEquals(observer.events, ["wrote-headers", "wrote-body"]);
    assert(!server.keptAlive && server.connection.isOpen);
  });

  it("carries many exchanges, answered in any order", async () => {
    const server = peer();
    const sent = Array.from({ length: 20 }, (_, index) => server.request(`/${index}`).response);
    for (let index = 19; index >= 0; index--) server.send(server.headers(2 * index + 1, [[":status", "200"]]));
    for (let index = 0; index < 20; index++) server.send(data(2 * index + 1, `${index}`, true));
    assertEquals(
      await Promise.all(sent.map(async (each) => await textOf(await each))),
      sent.map((_, index) => `${index}`),
    );
  });

  it("tells informational responses, and holds a body back until 100", async () => {
    const server = peer();
    const { observer, response } = server.request("/", { method: "PUT", body: body(10), expectContinue: true });
    assertEquals(await server.uploaded(1), 0);
    server.send(server.headers(1, [[":status", "103"], ["link", "</a>"]]), server.headers(1, [[":status", "100"]]));
    assertEquals(await server.uploaded(1), 10);
    server.respond(1, "");
    await response;
    assertEquals(observer.events, [
      "wrote-headers",
      "informational 103  link,</a>",
      "informational 100",
      "wrote-body-data",
      "wrote-body",
    ]);
  });

  it("leaves a body unsent that is refused before its 100", async () => {
    const server = peer();
    const { observer, response } = server.request("/", { method: "PUT", body: body(10), expectContinue: true });
    server.respond(1, "no", [], "417");
    assertEquals([(await response).status, await server.uploaded(1), observer.events], [417, 0, ["wrote-headers"]]);
    assertEquals(await server.resets(1), [ErrorCode.NO_ERROR]);
  });

  it("reads header sections in many frames, trailers and padding, and writes long ones", async () => {
    const server = peer();
    const long = "v".repeat(40_000);
    const { response } = server.request("/", { headers: [["x-long", `${"~".repeat(30_000)}`]] });
    const [first] = await server.seen(FrameType.HEADERS, 1);
    const rest = await server.seen(FrameType.CONTINUATION, 1);
    assertEquals([first!.flags & Flag.END_HEADERS, rest.length > 0, rest.at(-1)!.flags], [0, true, Flag.END_HEADERS]);
    const block = server.block([[":status", "200"], ["x-long", long]]);
    const frames = [server.headers(1, [], 0)];
    for (let offset = 0; offset < block.length; offset += 16_000) {
      const piece = block.subarray(offset, offset + 16_000);
      frames.push(frameOf(FrameType.CONTINUATION, offset + 16_000 >= block.length ? Flag.END_HEADERS : 0, 1, piece));
    }
    const padded = frameOf(FrameType.DATA, Flag.PADDED, 1, Uint8Array.of(3, 104, 105, 0, 0, 0));
    server.send(...frames, padded, server.headers(1, [["x-sum", "7"]], Flag.END_HEADERS | Flag.END_STREAM));
    const received = await response;
    assertEquals([received.headers.get("x-long"), await textOf(received)], [long, "hi"]);
    assertEquals((await received.trailers)?.get("x-sum"), "7");
  });

  it("sends trailers behind a streamed body", async () => {
    const server = peer();
    const trailers = [{ update() {}, finish: (fields: Headers) => fields.set("x-sum", "9") }];
    server.request("/", { method: "POST", body: streamOf("ab", "c"), trailers });
    await flushed();
    assertEquals(await server.uploaded(1), 3);
    const [head, last] = await server.seen(FrameType.HEADERS, 1);
    server.fieldsOf(head!);
    assertEquals([server.fieldsOf(last!), last!.flags & Flag.END_STREAM], [[["x-sum", "9"]], Flag.END_STREAM]);
  });

  it("uploads as far as the windows of stream and connection allow", async () => {
    const server = peer([Setting.INITIAL_WINDOW_SIZE, 10]);
    const { observer, response } = server.request("/", { method: "POST", body: body(100_000) });
    assertEquals(await server.uploaded(1), 10);
    server.send(windowUpdate(1, 1));
    assertEquals(await server.uploaded(1), 11);
    server.greet([Setting.INITIAL_WINDOW_SIZE, 0]);
    server.send(windowUpdate(1, 10));
    assertEquals(await server.uploaded(1), 11);
    server.greet([Setting.INITIAL_WINDOW_SIZE, 1_000_000]);
    assertEquals(await server.uploaded(1), 65_535);
    server.send(windowUpdate(0, 1_000_000));
    assertEquals(await server.uploaded(1), 100_000);
    assertEquals((await server.seen(FrameType.DATA, 1)).map(({ flags }) => flags).filter((flags) => flags !== 0), [1]);
    server.respond(1, "");
    await response;
    assertEquals(observer.events, ["wrote-headers", "wrote-body-data", "wrote-body-data", "wrote-body"]);
  });

  it("sends little of a body before the server has said how much it takes", async () => {
    const cases: [settings: [number, number][], allowed: number][] = [
      [[], 65_535],
      [[[Setting.INITIAL_WINDOW_SIZE, 20_000]], 20_000],
    ];
    for (const [settings, allowed] of cases) {
      const server = new Http2Peer();
      server.request("/", { method: "POST", body: body(100_000) });
      assertEquals(await server.uploaded(1), 16_384);
      server.greet(...settings);
      assertEquals(await server.uploaded(1), allowed);
    }
  });

  it("shares the connection's window among uploads", async () => {
    const server = peer([Setting.INITIAL_WINDOW_SIZE, 1_000_000]);
    for (const _ of [1, 2]) server.request("/", { method: "POST", body: body(100_000) });
    for (let round = 0; round < 30; round++) {
      server.send(windowUpdate(0, 5000));
      await flushed();
    }
    assertEquals([await server.uploaded(1), await server.uploaded(3)], [100_000, 100_000]);
  });

  it("waits with a body for a socket that is full", async () => {
    const server = peer([Setting.INITIAL_WINDOW_SIZE, 10_000_000]);
    server.send(windowUpdate(0, 10_000_000));
    await flushed();
    const { promise, resolve } = Promise.withResolvers<void>();
    server.busy = promise;
    server.request("/", { method: "POST", body: body(1_000_000) });
    const before = await server.uploaded(1);
    assert(before < 200_000);
    server.busy = undefined;
    resolve();
    await flushed();
    assertEquals(await server.uploaded(1), 1_000_000);
  });

  it("lets uploads that the socket and the windows do not hold back go on by turns", async () => {
    const size = 8 << 20;
    for (const busy of [undefined, Promise.resolve()]) {
      const server = peer([Setting.INITIAL_WINDOW_SIZE, size]);
      server.send(windowUpdate(0, 10 * size));
      await flushed();
      server.busy = busy;
      for (const _ of [1, 2, 3]) server.request("/", { method: "POST", body: body(size) });
      while (
        server.frames.filter(({ flags, type }) => type === FrameType.DATA && flags === Flag.END_STREAM).length < 3
      ) {
        await flushed();
      }
      const data = server.frames.filter(({ type }) => type === FrameType.DATA);
      const first = data.slice(0, data.findIndex(({ flags }) => flags === Flag.END_STREAM) + 1);
      for (const stream of [1, 3, 5]) {
        const sent = first.filter((each) => each.stream === stream).reduce(
          (sum, { payload }) => sum + payload.length,
          0,
        );
        assert(sent >= size * 3 / 4, `stream ${stream} has sent ${sent} of ${size} bytes when the first was through`);
      }
    }
  });

  it("sends what a body's source has given, when it uses, transfers or shrinks that memory for the next piece", async () => {
    for (const crowd of [0, 6]) {
      for (const change of ["fill", "transfer", "resize"]) {
        const server = peer([Setting.INITIAL_WINDOW_SIZE, 1_000_000]);
        for (let each = 0; each < crowd; each++) server.request("/idle");
        let memory = new ArrayBuffer(1000, { maxByteLength: 1000 });
        let pieces = 0;
        const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
          pull(controller): void {
            if (change === "transfer") memory = memory.transfer();
            if (change === "resize") memory.resize(memory.byteLength - 100);
            new Uint8Array(memory).fill(++pieces);
            if (pieces > 4) controller.close();
            else controller.enqueue(new Uint8Array(memory));
          },
        }, { highWaterMark: 0 });
        server.request("/", { method: "POST", body: source });
        await flushed();
        const sent = (await server.seen(FrameType.DATA, 1 + 2 * crowd)).filter(({ payload }) => payload.length > 0);
        const lengths = change === "resize" ? [900, 800, 700, 600] : [1000, 1000, 1000, 1000];
        assertEquals(sent.map(({ payload }) => payload.length), lengths);
        assertEquals(sent.map(({ payload }) => [...new Set(payload)]), [[1], [2], [3], [4]]);
      }
    }
  });

  it("asks for no more of a body while the socket is full, also when a window has parted a piece", async () => {
    const server = peer([Setting.INITIAL_WINDOW_SIZE, 10]);
    let pulls = 0;
    const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller): void {
        pulls++;
        controller.enqueue(body(65_536));
      },
    }, { highWaterMark: 0 });
    server.request("/", { method: "POST", body: source });
    await flushed();
    assertEquals([await server.uploaded(1), pulls], [10, 1]);
    const { promise, resolve } = Promise.withResolvers<void>();
    server.busy = promise;
    for (let update = 0; update < 3; update++) {
      server.send(windowUpdate(0, 1_000_000), windowUpdate(1, 1_000_000));
      await flushed();
    }
    assertEquals([await server.uploaded(1), pulls], [65_536, 1]);
    assert((await server.seen(FrameType.DATA, 1)).every(({ payload }) => payload.byteLength <= 16_384));
    resolve();
    await flushed();
    assert(pulls > 1);
    server.connection.close(new Error("enough"));
  });

  it("gives a body that nobody reads no more than its window, and the others theirs", async () => {
    const server = peer();
    const idle = server.request("/idle").response;
    const read = server.request("/read").response;
    server.send(server.headers(1, [[":status", "200"]]), server.headers(3, [[":status", "200"]]));
    const reading = textOf(await read);
    const unread = await idle;
    assert(unread.body !== null);
    for (let sent = 0; sent < STREAM_WINDOW; sent += 16_384) server.send(data(1, body(16_384)));
    assertEquals(await server.seen(FrameType.WINDOW_UPDATE, 1), []);
    for (let sent = 0; sent < 2 * STREAM_WINDOW; sent += 16_384) server.send(data(3, body(16_384)));
    server.send(data(3, "", true));
    assertEquals((await reading).length, 2 * STREAM_WINDOW);
    const all = textOf(unread);
    assert((await server.seen(FrameType.WINDOW_UPDATE, 1)).length > 0);
    server.send(data(1, "", true));
    assertEquals((await all).length, STREAM_WINDOW);
  });

  it("opens the window wider for who reads, asks for more a mebibyte at a time, and stops where reading stops", async () => {
    const server = peer();
    const response = server.request("/read").response;
    server.send(server.headers(1, [[":status", "200"]]));
    const reader = (await response).body!.getReader();
    const credits = async () =>
      (await server.seen(FrameType.WINDOW_UPDATE, 1)).map(({ payload }) => uint32(payload, 0));
    const given = async () => (await credits()).reduce((sum, bytes) => sum + bytes, STREAM_WINDOW);
    for (let sent = 0; sent < 16 * STREAM_WINDOW; sent += 16_384) {
      server.send(data(1, body(16_384)));
      assertEquals((await reader.read()).value!.byteLength, 16_384);
    }
    assertEquals([await given(), (await credits()).length], [19.25 * STREAM_WINDOW, 16]);
    for (let sent = 16 * STREAM_WINDOW; sent < await given(); sent += 16_384) server.send(data(1, body(16_384)));
    assertEquals(await given(), 20.25 * STREAM_WINDOW);
  });

  it("puts bodies together from frames of any length that come in pieces of any length", async () => {
    const random = pseudoRandom(7);
    const server = peer();
    const bodies = [1, 3, 5].map(() => Uint8Array.from({ length: 300_000 }, () => random(256)));
    const responses = bodies.map((_, index) => server.request(`/${index}`).response);
    const frames = bodies.map((_, index) => server.headers(2 * index + 1, [[":status", "200"]]));
    for (const sent = [0, 0, 0]; sent.some((count) => count < 300_000);) {
      const index = random(3);
      const start = sent[index]!;
      if (start === 300_000) continue;
      const end = sent[index] = Math.min(300_000, start + 1 + random(random(4) === 0 ? 16_384 : 700));
      frames.push(data(2 * index + 1, bodies[index]!.subarray(start, end), end === 300_000));
    }
    const all = Buffer.concat(frames);
    const reading: Promise<Uint8Array>[] = [];
    for (let offset = 0; offset < all.byteLength;) {
      // The memory in which bytes arrive is used again.
      const piece = all.subarray(offset, offset += 1 + random(random(3) === 0 ? 70_000 : 3000));
      server.connection.received(piece);
      piece.fill(0);
      if (reading.length === 0) reading.push(...responses.map(async (response) => await (await response).bytes()));
      await flushed();
    }
    for (const [index, expected] of bodies.entries()) {
      assert(Buffer.compare(await reading[index]!, expected) === 0, `the body of stream ${2 * index + 1}`);
    }
  });

  it("hands on in one piece what has come of a body at once", async () => {
    const server = peer();
    const { response } = server.request("/");
    server.send(server.headers(1, [[":status", "200"]]), data(1, "a"), data(1, "b"));
    const reader = (await response).body!.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), "ab");
    const next = reader.read();
    server.send(data(1, "c"), data(1, "d"), data(1, ""), data(1, "e", true));
    assertEquals(new TextDecoder().decode((await next).value), "cde");
    assert((await reader.read()).done);
  });

  it("gives what has come in front of a failure to whoever reads", async () => {
    const server = peer();
    const { response } = server.request("/");
    server.send(server.headers(1, [[":status", "200"]]), data(1, "a"));
    const reader = (await response).body!.getReader();
    server.send(data(1, "b"), data(1, "c"), reset(1, ErrorCode.INTERNAL_ERROR));
    assertEquals(new TextDecoder().decode((await reader.read()).value), "a");
    assertEquals(new TextDecoder().decode((await reader.read()).value), "bc");
    await assertRejects(() => reader.read(), TransportError);
  });

  it("gives one exchange up without the others, and takes what still comes for it", async () => {
    const server = peer();
    const one = server.request("/one");
    const other = server.request("/other");
    server.send(server.headers(1, [[":status", "200"]]), data(1, "abc"));
    const response = await one.response;
    const reason = new Error("enough");
    assert(server.connection.cancel(one.observer, reason));
    assertStrictEquals(await response.bytes().catch((error) => error), reason);
    assertEquals(await server.resets(1), [ErrorCode.CANCEL]);
    server.send(data(1, body(1000)), server.headers(1, [["x-late", "1"]], Flag.END_HEADERS | Flag.END_STREAM));
    server.respond(3, "fine");
    assertEquals([await textOf(await other.response), server.isDestroyed], ["fine", false]);
  });

  it("stops an upload that is answered before its end, and keeps the connection", async () => {
    const server = peer([Setting.INITIAL_WINDOW_SIZE, 10]);
    const { observer, response } = server.request("/", { method: "POST", body: body(100) });
    server.respond(1, "too much", [], "413");
    assertEquals([(await response).status, await textOf(await response)], [413, "too much"]);
    server.send(reset(1, ErrorCode.NO_ERROR));
    assertEquals([await server.resets(1), observer.events], [[ErrorCode.NO_ERROR], ["wrote-headers"]]);
    server.respond(await next(server), "on");
    assert(server.connection.isOpen);
  });

  it("takes a response for whole of which nothing announced is missing when the server resets it without an error", async () => {
    const server = peer([Setting.INITIAL_WINDOW_SIZE, 10]);
    const length: [string, string][] = [["content-length", "5"]];
    const post = { method: "POST", body: body(100) };
    for (const [request, announced, isSplit] of [[{}, length, false], [{}, [], true], [post, [], false]] as const) {
      const { response } = server.request("/", request);
      const stream = await latest(server);
      server.send(server.headers(stream, [[":status", "200"], ...announced]), data(stream, "hello"));
      if (isSplit) await response;
      server.send(reset(stream, ErrorCode.NO_ERROR));
      assertEquals(await textOf(await response), "hello");
      assertEquals(await server.resets(stream), []);
    }
    for (const [text, code] of [["hell", ErrorCode.NO_ERROR], ["hello", ErrorCode.CANCEL]] as const) {
      const { response } = server.request("/");
      const stream = await latest(server);
      server.send(server.headers(stream, [[":status", "200"], ...length]), data(stream, text), reset(stream, code));
      await assertRejects(async () => await textOf(await response), TransportError, "reset");
    }
    assertEquals([server.isDestroyed, server.connection.isOpen], [false, true]);
  });

  it("says how many exchanges it takes, before and after the server has", () => {
    const server = new Http2Peer();
    assertEquals(server.connection.maxExchanges, 10);
    server.greet([Setting.MAX_CONCURRENT_STREAMS, 3]);
    server.greet([Setting.MAX_CONCURRENT_STREAMS, 100_000]);
    assertEquals(server.changes, [3, 256]);
  });

  it("tells which requests the server has not processed", async () => {
    const server = peer();
    const [refused, old, over] = ["/refused", "/old", "/over"].map((path) => server.request(path, { method: "POST" }));
    server.send(reset(1, ErrorCode.REFUSED_STREAM), reset(3, ErrorCode.HTTP_1_1_REQUIRED), goAway(1, 0));
    for (const [{ response }, code] of [[refused!, "REFUSED_STREAM"], [old!, "HTTP_1_1_REQUIRED"]] as const) {
      const error = await failureOf(response);
      assertEquals([error.isUnprocessed, error.code, error.status], [true, `ERR_HTTP2_${code}`, HttpStatus.IO_ERROR]);
    }
    assert((await failureOf(over!.response)).isUnprocessed);
    assertEquals([server.connection.isOpen, server.hasEnded], [false, true]);
    assert((await failureOf(server.request("/later").response)).isUnprocessed);
  });

  it("ends what the server has begun before it takes leave", async () => {
    const server = peer();
    const { response } = server.request("/");
    server.send(goAway(1, ErrorCode.NO_ERROR), goAway(1, ErrorCode.NO_ERROR));
    assertEquals([server.connection.isOpen, server.connection.maxExchanges, server.hasEnded], [false, 0, false]);
    server.respond(1, "still");
    assertEquals([await textOf(await response), server.hasEnded], ["still", true]);
  });

  for (const [code, name] of [[ErrorCode.INTERNAL_ERROR, "INTERNAL_ERROR"], [99, "UNKNOWN_ERROR"]] as const) {
    it(`fails what is reset with ${name}, which nobody may send again unasked`, async () => {
      const server = peer();
      const { response } = server.request("/");
      server.send(reset(1, code));
      const error = await failureOf(response);
      assertEquals([error.isUnprocessed, error.code, error.phase], [false, `ERR_HTTP2_${name}`, "response"]);
      assert(server.connection.isOpen);
    });
  }

  it("never takes a body for complete whose connection or stream ends", async () => {
    const reset1 = (code: number) => (server: Http2Peer) => server.send(reset(1, code));
    const ends = [(server: Http2Peer) => server.connection.ended(), reset1(ErrorCode.CANCEL), reset1(0xff)];
    for (const end of ends) {
      const server = peer();
      const { response } = server.request("/");
      server.send(server.headers(1, [[":status", "200"]]), data(1, "abc"));
      const reader = (await response).body!.getReader();
      end(server);
      assertEquals((await reader.read()).value?.byteLength, 3);
      await assertRejects(() => reader.read(), TransportError);
    }
  });

  it("takes a connection that has answered and breaks for stale, and no other", async () => {
    const phases: string[] = [];
    for (const hasAnswered of [false, true]) {
      const server = peer();
      if (hasAnswered) {
        const { response } = server.request("/");
        server.respond(1, "");
        await response;
      }
      const { response } = server.request("/");
      server.connection.broke(new Error("reset"));
      phases.push((await failureOf(response)).phase);
    }
    assertEquals(phases, ["response", "send"]);
  });

  it("asks a silent server before it entrusts a POST to it", async () => {
    const server = new Http2Peer({ times: { ...usualTimes, silence: 0, answer: 60_000 } });
    server.greet();
    server.request("/get");
    server.request("/post", { method: "POST", body: body(1) });
    assertEquals((await server.seen(FrameType.HEADERS)).length, 1);
    const [ping] = await server.seen(FrameType.PING);
    server.send(frameOf(FrameType.PING, Flag.ACK, 0, ping!.payload));
    await flushed();
    assertEquals((await server.seen(FrameType.HEADERS)).length, 2);
  });

  it("leaves a POST unsent that is given up, or whose server does not answer", async () => {
    const server = new Http2Peer({ times: { ...usualTimes, silence: 0, answer: 20 } });
    server.greet();
    const given = server.request("/post", { method: "POST" });
    const lost = server.request("/post", { method: "POST" });
    const reason = new Error("enough");
    assert(server.connection.cancel(given.observer, reason));
    assertStrictEquals(await given.response.catch((error) => error), reason);
    assert((await failureOf(lost.response)).isUnprocessed);
    assertEquals([(await server.seen(FrameType.HEADERS)).length, server.connection.isOpen], [0, false]);
  });

  it("ends when the server does not begin with its settings, and says so", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = new Http2Peer({ times: { ...usualTimes, settings: 20 }, onEnded: resolve });
    const { response } = server.request("/");
    const alive = setInterval(() => {}, 1000);
    await promise;
    clearInterval(alive);
    const { code, message, status } = await failureOf(response);
    assertEquals([code, status], ["ERR_HTTP2_SETTINGS_TIMEOUT", HttpStatus.IO_ERROR]);
    assertStringIncludes(message, "has not sent its settings within 0.02 s");
    assertEquals([await server.farewell(), server.isDestroyed], [ErrorCode.SETTINGS_TIMEOUT, true]);
  });

  it("holds no time against a server in which nobody could see its answer", async () => {
    const server = new Http2Peer({ times: { silence: 0, answer: 400, settings: 400 } });
    const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    block();
    await flushed();
    server.greet();
    const { response } = server.request("/post", { method: "POST" });
    const [ping] = await server.seen(FrameType.PING);
    block();
    await flushed();
    server.send(frameOf(FrameType.PING, Flag.ACK, 0, ping!.payload));
    await flushed();
    server.respond(1, "");
    assertEquals([(await response).status, server.connection.isOpen], [200, true]);
  });

  it("gives everybody the reason it is closed for", async () => {
    const server = peer();
    const { response } = server.request("/");
    const reason = new Error("closed");
    server.connection.close(reason);
    assertStrictEquals(await response.catch((error) => error), reason);
    assertEquals([await server.farewell(), server.isDestroyed, server.hasEnded], [ErrorCode.NO_ERROR, true, false]);
  });
});

/** Begins another exchange; the number of its stream. */
async function next(server: Http2Peer): Promise<number> {
  server.request("/next");
  return await latest(server);
}

/** The stream of the newest request. */
async function latest(server: Http2Peer): Promise<number> {
  return (await server.seen(FrameType.HEADERS)).at(-1)!.stream;
}
