// What RFC 9113 and RFC 7541 have a client do with each frame of a server's: the cases of h2spec that concern clients, by section.
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { TransportError } from "../../../../http/errors.ts";
import { ErrorCode } from "../../../../http/transports/h2/wire/errors.ts";
import { Flag, frame, frameHeader, FrameType, Setting } from "../../../../http/transports/h2/wire/frames.ts";
import { data, goAway, Http2Peer, reset, windowUpdate } from "../../../_support/http2_peer.ts";
import { textOf } from "../../../_support/transport_driver.ts";

const EMPTY = new Uint8Array(0);
const END = Flag.END_HEADERS | Flag.END_STREAM;
const EIGHT = new Uint8Array(8);

type Send = (server: Http2Peer) => void;
/** The server begins with what it sends; the first request is on stream 1. */
type Cases = readonly (readonly [section: string, what: string, send: Send])[];

const bytes = (...made: ((server: Http2Peer) => Uint8Array)[]): Send => (server) =>
  server.send(...made.map((make) => make(server)));
const sending = (...frames: Uint8Array[]): Send => bytes(...frames.map((each) => () => each));
const head = (flags: number = Flag.END_HEADERS, stream = 1) => (server: Http2Peer) =>
  server.headers(stream, [[":status", "200"]], flags);
const answered: Send = (server) => {
  server.respond(1, "");
  server.request("/other");
};
const after = (first: Send, then: Send): Send => (server) => {
  first(server);
  then(server);
};

/** What ends the connection, by the code of the GOAWAY. */
const ending: Partial<Record<keyof typeof ErrorCode, Cases>> = {
  FRAME_SIZE_ERROR: [
    ["4.2", "DATA larger than was allowed", sending(frameHeader(FrameType.DATA, 0, 1, 16_385))],
    ["4.2", "HEADERS larger than was allowed", sending(frameHeader(FrameType.HEADERS, END, 1, 16_385))],
    ["6.2", "HEADERS with a priority that is cut short", sending(frame(1, END | Flag.PRIORITY, 1, new Uint8Array(4)))],
    ["6.3", "PRIORITY of four bytes", sending(frame(FrameType.PRIORITY, 0, 1, new Uint8Array(4)))],
    ["6.4", "RST_STREAM of five bytes", sending(frame(FrameType.RST_STREAM, 0, 1, new Uint8Array(5)))],
    ["6.5", "SETTINGS that end within a setting", sending(frame(FrameType.SETTINGS, 0, 0, new Uint8Array(7)))],
    ["6.5", "an acknowledgement with settings", sending(frame(FrameType.SETTINGS, Flag.ACK, 0, new Uint8Array(6)))],
    ["6.7", "PING of seven bytes", sending(frame(FrameType.PING, 0, 0, new Uint8Array(7)))],
    ["6.8", "GOAWAY of seven bytes", sending(frame(FrameType.GOAWAY, 0, 0, new Uint8Array(7)))],
    ["6.9", "WINDOW_UPDATE of three bytes", sending(frame(FrameType.WINDOW_UPDATE, 0, 0, new Uint8Array(3)))],
  ],
  PROTOCOL_ERROR: [
    [
      "4.3",
      "PRIORITY within a header section",
      bytes(head(0), () => frame(FrameType.PRIORITY, 0, 1, new Uint8Array(5))),
    ],
    ["4.3", "PING within a header section", bytes(head(0), () => frame(FrameType.PING, 0, 0, EIGHT))],
    [
      "4.3",
      "HEADERS of another stream within one",
      after((server) => void server.request("/2"), bytes(head(0), head(END, 3))),
    ],
    ["5.1", "DATA on a stream that is idle", sending(data(99, "x"))],
    ["5.1", "RST_STREAM on a stream that is idle", sending(reset(99, 8))],
    ["5.1", "WINDOW_UPDATE on a stream that is idle", sending(windowUpdate(99, 1))],
    ["5.1", "CONTINUATION on a stream that is idle", sending(frame(FrameType.CONTINUATION, 4, 99, EMPTY))],
    ["5.1.1", "HEADERS on a stream of the server's own", bytes(head(END, 2))],
    ["5.5", "an unknown frame within a header section", bytes(head(0), () => frame(99, 0, 1, EIGHT))],
    ["6.1", "DATA for the connection", sending(data(0, "x"))],
    ["6.1", "DATA with more padding than payload", sending(frame(FrameType.DATA, Flag.PADDED, 1, Uint8Array.of(9, 1)))],
    ["6.2", "HEADERS for the connection", bytes(head(END, 0))],
    ["6.2", "HEADERS with more padding than payload", sending(frame(1, END | Flag.PADDED, 1, Uint8Array.of(9, 0x88)))],
    ["6.3", "PRIORITY for the connection", sending(frame(FrameType.PRIORITY, 0, 0, new Uint8Array(5)))],
    ["6.4", "RST_STREAM for the connection", sending(reset(0, 8))],
    ["6.5", "SETTINGS for a stream", sending(frame(FrameType.SETTINGS, 0, 1, EMPTY))],
    ["6.5.2", "ENABLE_PUSH of a server", (server) => server.greet([Setting.ENABLE_PUSH, 1])],
    ["6.5.2", "ENABLE_PUSH of 2", (server) => server.greet([Setting.ENABLE_PUSH, 2])],
    ["6.5.2", "MAX_FRAME_SIZE below the least", (server) => server.greet([Setting.MAX_FRAME_SIZE, 16_383])],
    ["6.5.2", "MAX_FRAME_SIZE beyond the most", (server) => server.greet([Setting.MAX_FRAME_SIZE, 16_777_216])],
    ["6.6", "PUSH_PROMISE, which was refused", sending(frame(FrameType.PUSH_PROMISE, 4, 1, new Uint8Array(4)))],
    ["6.7", "PING for a stream", sending(frame(FrameType.PING, 0, 1, EIGHT))],
    ["6.8", "GOAWAY for a stream", sending(frame(FrameType.GOAWAY, 0, 1, EIGHT))],
    ["6.9", "WINDOW_UPDATE by nothing", sending(windowUpdate(0, 0))],
    ["6.10", "CONTINUATION for the connection", bytes(head(0), () => frame(FrameType.CONTINUATION, 4, 0, EMPTY))],
    ["6.10", "CONTINUATION of another stream", bytes(head(0), () => frame(FrameType.CONTINUATION, 4, 3, EMPTY))],
    ["6.10", "CONTINUATION after HEADERS that ended", bytes(head(), () => frame(FrameType.CONTINUATION, 4, 1, EMPTY))],
    [
      "6.10",
      "CONTINUATION after one that ended",
      bytes(
        head(0),
        () => frame(FrameType.CONTINUATION, 4, 1, EMPTY),
        () => frame(FrameType.CONTINUATION, 4, 1, EMPTY),
      ),
    ],
    [
      "6.10",
      "CONTINUATION after DATA",
      bytes(head(), () => data(1, "x"), () => frame(FrameType.CONTINUATION, 4, 1, EMPTY)),
    ],
  ],
  FLOW_CONTROL_ERROR: [
    ["6.5.2", "a window larger than there may be", (server) => server.greet([Setting.INITIAL_WINDOW_SIZE, 0x80000000])],
    ["6.9.1", "the connection's window opened too far", sending(windowUpdate(0, 0x7fffffff))],
  ],
  COMPRESSION_ERROR: [
    ["4.3", "a header section that is no HPACK", sending(frame(FrameType.HEADERS, END, 1, Uint8Array.of(0x40)))],
    ["7541 2.3.3", "an index beyond the tables", sending(frame(FrameType.HEADERS, END, 1, Uint8Array.of(0xff, 0xff)))],
    ["7541 4.2", "a table size at the end", sending(frame(FrameType.HEADERS, END, 1, Uint8Array.of(0x88, 0x20)))],
    [
      "7541 6.3",
      "a table size beyond ours",
      sending(frame(FrameType.HEADERS, END, 1, Uint8Array.of(0x3f, 0xe2, 0x1f))),
    ],
  ],
  STREAM_CLOSED: [
    ["5.1", "DATA behind the end of a stream", after(answered, sending(data(1, "x")))],
    ["5.1", "HEADERS behind the end of a stream", after(answered, bytes(head()))],
  ],
};

describe("By the rules of HTTP/2, a client ends the connection", () => {
  for (const [name, cases] of Object.entries(ending)) {
    for (const [section, what, send] of cases) {
      it(`with ${name} for ${what} (§${section})`, async () => {
        const server = new Http2Peer();
        server.greet();
        server.request("/");
        send(server);
        const ends = server.requests.map(({ response }) => response.then(textOf).catch((error: unknown) => error));
        assertEquals(await server.farewell(), ErrorCode[name as keyof typeof ErrorCode]);
        assert(server.isDestroyed && server.hasEnded && !server.connection.isOpen);
        const failed = (await Promise.all(ends)).filter((end) => end instanceof TransportError);
        assert(failed.length > 0 && failed.every((end) => end.code === `ERR_HTTP2_${name}` && !end.isUnprocessed));
      });
    }
  }
});

/** What is no reason to end anything: the exchange is answered as if nothing had been. */
const harmless: Cases = [
  ["4.1", "a frame of an unknown type", sending(frame(99, 0xff, 1, EIGHT), frame(99, 0, 0, EMPTY))],
  ["4.1", "flags that mean nothing", sending(frame(FrameType.PING, 0xfe, 0, EIGHT))],
  ["4.1", "the reserved bit", sending(frame(FrameType.WINDOW_UPDATE, 0, 0x80000001, Uint8Array.of(0, 0, 0, 1)))],
  [
    "5.1",
    "WINDOW_UPDATE and RST_STREAM behind the end of a stream",
    after((server) => {
      server.request("/first");
      server.respond(3, "");
    }, sending(windowUpdate(3, 1), reset(3, 0))),
  ],
  ["5.3", "PRIORITY, for streams that do not exist too", sending(frame(FrameType.PRIORITY, 0, 99, new Uint8Array(5)))],
  [
    "6.2",
    "an informational HEADERS with a priority and padding",
    bytes((server) => {
      const block = server.block([[":status", "103"]]);
      const payload = Buffer.concat([Uint8Array.of(2, 0, 0, 0, 0, 9), block, Uint8Array.of(0, 0)]);
      return frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY, 1, payload);
    }),
  ],
  ["6.5.2", "a setting that nobody knows", (server) => server.greet([0xabcd, 1], [0xff, 0xffffffff])],
  ["6.5.2", "the largest frames there are", (server) => server.greet([Setting.MAX_FRAME_SIZE, 16_777_215])],
  ["7", "a code of errors that nobody knows", after((server) => void server.request("/2"), sending(reset(3, 0xdead)))],
  ["7", "GOAWAY with such a code, behind all streams", sending(goAway(1, 0xdead))],
];

describe("By the rules of HTTP/2, a client goes on", () => {
  for (const [section, what, send] of harmless) {
    it(`after ${what} (§${section})`, async () => {
      const server = new Http2Peer();
      server.greet();
      const { response } = server.request("/");
      send(server);
      server.respond(1, "unhurt");
      assertEquals(await textOf(await response), "unhurt");
      const farewell = await server.farewell();
      assert(farewell === undefined || farewell === ErrorCode.NO_ERROR, `code ${farewell}`);
    });
  }

  it("with DATA as large as frames may be (§4.2)", async () => {
    const server = new Http2Peer();
    server.greet();
    const { response } = server.request("/");
    server.send(server.headers(1, [[":status", "200"]]), data(1, new Uint8Array(16_384), true));
    assertEquals((await (await response).bytes()).byteLength, 16_384);
  });

  it("answering each PING with its own bytes, and no answer to one (§6.7)", async () => {
    const server = new Http2Peer();
    server.greet();
    const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    server.send(frame(FrameType.PING, 0, 0, payload), frame(FrameType.PING, Flag.ACK, 0, payload));
    const [answer, ...more] = await server.seen(FrameType.PING);
    assertEquals([answer!.flags, Buffer.from(answer!.payload).equals(payload), more.length], [Flag.ACK, true, 0]);
  });

  it("with the last of several values of a setting, and acknowledges each frame of them once (§6.5.3)", async () => {
    const server = new Http2Peer();
    server.greet([Setting.INITIAL_WINDOW_SIZE, 100], [Setting.INITIAL_WINDOW_SIZE, 1]);
    server.request("/", { method: "POST", body: new Uint8Array(10) });
    assertEquals(await server.uploaded(1), 1);
    const acknowledged = (await server.seen(FrameType.SETTINGS)).filter(({ flags }) => flags === Flag.ACK);
    assertEquals(acknowledged.length, 1);
  });

  it("with a window that settings have made negative, once it is open again (§6.9.2)", async () => {
    const server = new Http2Peer();
    server.greet([Setting.INITIAL_WINDOW_SIZE, 6]);
    server.request("/", { method: "POST", body: new Uint8Array(10) });
    assertEquals(await server.uploaded(1), 6);
    server.greet([Setting.INITIAL_WINDOW_SIZE, 2]);
    server.send(windowUpdate(1, 4));
    assertEquals(await server.uploaded(1), 6);
    server.send(windowUpdate(1, 1));
    assertEquals(await server.uploaded(1), 7);
    server.greet([Setting.INITIAL_WINDOW_SIZE, 100]);
    assertEquals(await server.uploaded(1), 10);
  });
});

/** What ends one stream, by PROTOCOL_ERROR; sections of RFC 9113. */
const resetting: Cases = [
  ["8.1", "a pseudo-header behind the body", bytes(head(), (server) => server.headers(1, [[":status", "200"]], END))],
  [
    "8.2.2",
    "a field of connections behind the body",
    bytes(head(), (server) => server.headers(1, [["te", "x"], ["connection", "close"]], END)),
  ],
  [
    "8.3",
    "a pseudo-header behind a field",
    bytes((server) => server.headers(1, [["x-a", "1"], [":status", "200"]], END)),
  ],
  [
    "8.3",
    "a pseudo-header that nobody knows",
    bytes((server) => server.headers(1, [[":status", "200"], [":x", "1"]], END)),
  ],
  [
    "8.1.1",
    "frames of DATA longer than Content-Length together",
    bytes(
      (server) => server.headers(1, [[":status", "200"], ["content-length", "3"]]),
      () => data(1, "ab"),
      () => data(1, "cd", true),
    ),
  ],
  [
    "8.1.1",
    "frames of DATA shorter than Content-Length together",
    bytes(
      (server) => server.headers(1, [[":status", "200"], ["content-length", "5"]]),
      () => data(1, "ab"),
      () => data(1, "cd", true),
    ),
  ],
];

describe("By the rules of HTTP/2, a client ends one stream", () => {
  for (const [section, what, send] of resetting) {
    it(`for ${what} (§${section})`, async () => {
      const server = new Http2Peer();
      server.greet();
      const { response } = server.request("/");
      const end = response.then((received) => received.bytes()).catch((error: unknown) => error);
      const neighbour = server.request("/neighbour").response;
      send(server);
      server.respond(3, "unhurt");
      const error = await end;
      assert(error instanceof TransportError && error.code === "ERR_HTTP2_PROTOCOL_ERROR", String(error));
      assertEquals(await server.resets(1), [ErrorCode.PROTOCOL_ERROR]);
      assertEquals([await textOf(await neighbour), server.isDestroyed], ["unhurt", false]);
    });
  }
});
