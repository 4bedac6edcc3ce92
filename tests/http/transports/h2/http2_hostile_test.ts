// Servers that break HTTP/2, or ask too much: what that costs is bounded, and every exchange ends with its name.
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { TransportError } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { ErrorCode } from "../../../../http/transports/h2/wire/errors.ts";
import { Flag, frame, FrameType, Setting } from "../../../../http/transports/h2/wire/frames.ts";
import { STREAM_WINDOW } from "../../../../http/transports/h2/stream.ts";
import { conversation, converse } from "../../../_support/http2_conversation.ts";
import { data, goAway, Http2Peer, reset, windowUpdate } from "../../../_support/http2_peer.ts";
import { SeededRandom } from "../../../_support/random.ts";
import { textOf } from "../../../_support/transport_driver.ts";

type Attack = (server: Http2Peer) => void;

const EMPTY = new Uint8Array(0);
const END = Flag.END_HEADERS | Flag.END_STREAM;

const repeated = (each: Uint8Array, times = 20_000): Attack => (server) => {
  // In pieces, as a socket gives them.
  const piece = Buffer.concat(new Array(500).fill(each));
  for (let sent = 0; sent < times && !server.isDestroyed; sent += 500) server.send(piece);
};

/** What asks too much and ends the connection, by the name of the error; rules of single frames are in http2_rules_test.ts. */
const attacks: Record<keyof typeof ErrorCode, Record<string, Attack>> = {
  ENHANCE_YOUR_CALM: {
    "PING frames": repeated(frame(FrameType.PING, 0, 0, new Uint8Array(8))),
    "SETTINGS frames": repeated(frame(FrameType.SETTINGS, 0, 0, EMPTY)),
    "acknowledgements of settings": repeated(frame(FrameType.SETTINGS, Flag.ACK, 0, EMPTY)),
    "empty DATA frames": (server) => {
      server.send(server.headers(1, [[":status", "200"]]));
      repeated(data(1, ""))(server);
    },
    "RST_STREAM frames for streams that have ended": (server) => {
      server.respond(1, "");
      server.request("/other");
      repeated(reset(1, 8))(server);
    },
    "WINDOW_UPDATE frames": repeated(windowUpdate(0, 1)),
    "PRIORITY frames": repeated(frame(FrameType.PRIORITY, 0, 1, new Uint8Array(5))),
    "GOAWAY frames": repeated(goAway(1, 0)),
    "frames of an unknown type": repeated(frame(99, 0, 0, EMPTY)),
    "empty CONTINUATION frames": (server) => {
      server.send(server.headers(1, [[":status", "200"]], 0));
      repeated(frame(FrameType.CONTINUATION, 0, 1, EMPTY))(server);
    },
    "a header section without end": (server) => {
      server.send(server.headers(1, [[":status", "200"]], 0));
      const piece = frame(FrameType.CONTINUATION, 0, 1, new Uint8Array(16_384).fill(0x82));
      for (let sent = 0; sent < 1000 && !server.isDestroyed; sent++) server.send(piece);
    },
    "a header section that stands for far more than it is long": (server) => {
      server.send(server.headers(1, [[":status", "103"], ["x-bomb", "x".repeat(1900)]]));
      server.send(frame(FrameType.HEADERS, END, 1, new Uint8Array(16_384).fill(0xbe)));
    },
    "questions of a server that does not read the answers": (server) => {
      server.busy = new Promise(() => {});
      repeated(frame(FrameType.PING, 0, 0, new Uint8Array(8)))(server);
    },
  },
  FLOW_CONTROL_ERROR: {
    "streams' windows opened too far by settings": (server) => {
      server.send(windowUpdate(1, 0x7fff0000 - 65_535));
      server.greet([Setting.INITIAL_WINDOW_SIZE, 0x7fffffff]);
    },
    "more for a stream that was given up than its window": (server) => {
      server.connection.cancel(server.requests[0]!.observer, new Error("enough"));
      server.request("/other");
      for (let sent = 0; sent <= STREAM_WINDOW; sent += 16_384) server.send(data(1, new Uint8Array(16_384)));
    },
  },
  ...{ FRAME_SIZE_ERROR: {}, PROTOCOL_ERROR: {}, COMPRESSION_ERROR: {}, STREAM_CLOSED: {} },
  ...{ NO_ERROR: {}, INTERNAL_ERROR: {}, SETTINGS_TIMEOUT: {}, REFUSED_STREAM: {}, CANCEL: {}, CONNECT_ERROR: {} },
  ...{ INADEQUATE_SECURITY: {}, HTTP_1_1_REQUIRED: {} },
};

describe("an HTTP/2 server that breaks the protocol", () => {
  for (const [name, cases] of Object.entries(attacks)) {
    for (const [what, attack] of Object.entries(cases)) {
      it(`is left with ${name} for ${what}`, async () => {
        const server = new Http2Peer();
        server.greet();
        const { response } = server.request("/victim");
        const victim = response.then(textOf).catch((error: unknown) => error);
        attack(server);
        const other = server.requests.at(-1)!;
        assertEquals(await server.farewell(), ErrorCode[name as keyof typeof ErrorCode]);
        assert(server.isDestroyed && server.hasEnded && !server.connection.isOpen);
        const ends = await Promise.all([victim, other.response.then(textOf).catch((error: unknown) => error)]);
        assert(
          ends.some((end) => end instanceof TransportError && end.code === `ERR_HTTP2_${name}` && !end.isUnprocessed),
        );
        // What it has made us write is bounded too.
        assert(server.written < 1_500_000, `${server.written} bytes were written`);
      });
    }
  }

  it("is told from one that speaks HTTP/1.1", async () => {
    const server = new Http2Peer();
    const { response } = server.request("/");
    server.send(Buffer.from("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    const error = await assertRejects(() => response, TransportError);
    assertEquals([error.status, server.isDestroyed], [HttpStatus.MALFORMED, true]);
  });
});

/** Responses that cannot be read, while the connection can: code of the reset, and of the error. */
const malformed: Record<string, [send: Attack, reset?: number, code?: string]> = {
  "a body longer than its Content-Length": [(server) => server.respond(1, "hello", [["content-length", "4"]])],
  "a body shorter than its Content-Length": [(server) => server.respond(1, "hello", [["content-length", "6"]])],
  "two lengths": [(server) => server.respond(1, "hello", [["content-length", "5"], ["content-length", "6"]])],
  "a length that is none": [(server) => server.respond(1, "hello", [["content-length", "0x5"]])],
  "a name with a capital letter": [(server) => server.respond(1, "", [["X-Name", "1"]])],
  "a field of HTTP/1.1": [(server) => server.respond(1, "", [["connection", "close"]])],
  "a transfer coding": [(server) => server.respond(1, "", [["transfer-encoding", "chunked"]])],
  "a value with a line break": [(server) => server.respond(1, "", [["x-name", "1\r\nset-cookie: a=b"]])],
  "a value with NUL": [(server) => server.respond(1, "", [["x-name", "a\0b"]])],
  "no status": [(server) => server.send(server.headers(1, [["x-name", "1"]], END))],
  "a status that is none": [(server) => server.respond(1, "", [], "20")],
  "two of them": [(server) => server.respond(1, "", [[":status", "200"]])],
  "a pseudo-header of requests": [(server) => server.respond(1, "", [[":path", "/"]])],
  "a switch of protocols": [(server) => server.send(server.headers(1, [[":status", "101"]]))],
  "an end with an informational response": [(server) => server.send(server.headers(1, [[":status", "103"]], END))],
  "a body without a header": [(server) => server.send(data(1, "x"))],
  "a second header section that does not end it": [
    (server) => server.send(server.headers(1, [[":status", "200"]]), server.headers(1, [["x-more", "1"]])),
  ],
  "more informational responses than anybody sends": [(server) => {
    for (let count = 0; count < 100; count++) server.send(server.headers(1, [[":status", "103"]]));
  }],
  "a stream's window opened by nothing": [(server) => server.send(windowUpdate(1, 0))],
  "a stream's window opened too far": [
    (server) => server.send(windowUpdate(1, 0x7fffffff)),
    ErrorCode.FLOW_CONTROL_ERROR,
    "ERR_HTTP2_FLOW_CONTROL_ERROR",
  ],
  "more of a body than was allowed": [
    (server) => {
      server.send(server.headers(1, [[":status", "200"]]));
      for (let sent = 0; sent <= STREAM_WINDOW; sent += 16_384) server.send(data(1, new Uint8Array(16_384)));
    },
    ErrorCode.FLOW_CONTROL_ERROR,
    "ERR_HTTP2_FLOW_CONTROL_ERROR",
  ],
  "a header larger than the limit": [
    (server) => server.respond(1, "", [["x-large", "x".repeat(16_000)], ["y-large", "y".repeat(300)]]),
    ErrorCode.PROTOCOL_ERROR,
    "ERR_HTTP_HEADERS_TOO_LARGE",
  ],
  "more fields than anybody sends": [
    (server) => server.respond(1, "", Array.from({ length: 1001 }, () => ["a", ""])),
    ErrorCode.PROTOCOL_ERROR,
    "ERR_HTTP_HEADERS_TOO_LARGE",
  ],
};

describe("an HTTP/2 response that breaks the rules", () => {
  for (const [what, [send, resetCode, code]] of Object.entries(malformed)) {
    it(`fails for ${what}, and no other does`, async () => {
      const limit = code === "ERR_HTTP_HEADERS_TOO_LARGE" ? 16_200 : 65_536;
      const server = new Http2Peer({ maxHeaderBytes: what.startsWith("more fields") ? 65_536 : limit });
      server.greet();
      const { response } = server.request("/");
      const neighbour = server.request("/neighbour").response;
      const end = response.then((received) => received.bytes());
      end.catch(() => {});
      send(server);
      server.respond(3, "unhurt");
      const error = await assertRejects(() => end, TransportError);
      assertEquals([error.status, error.code], [HttpStatus.MALFORMED, code ?? "ERR_HTTP2_PROTOCOL_ERROR"]);
      assertEquals((await server.resets(1))[0], resetCode ?? ErrorCode.PROTOCOL_ERROR);
      assertEquals([await textOf(await neighbour), server.isDestroyed], ["unhurt", false]);
    });
  }
});

it("an HTTP/2 server that says whatever comes to its mind leaves nothing open, and nothing half read as whole", async () => {
  for (let seed = 1; seed <= 120; seed++) {
    try {
      await converse(conversation(new SeededRandom(seed)));
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error });
    }
  }
});
