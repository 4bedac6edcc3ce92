// Servers that break the rules of the handshake or of frames (RFC 6455, RFC 7692): what the client makes of them.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { constants, deflateRawSync } from "node:zlib";
import { after, before, describe, it } from "node:test";
import { HttpError, HttpSession, HttpStatus, type HttpWebSocket } from "../../../http/mod.ts";
import { loadFraming } from "../../../http/websocket/framing.ts";
import { FrameStream } from "../../../http/websocket/frame_stream.ts";
import { toByteDuplex } from "../../../internal/byte_duplex.ts";
import { until } from "../../_support/http_sessions.ts";
import {
  acceptOf,
  type HandshakeAnswer,
  serverFrame,
  switching,
  type WebSocketServer,
  webSocketServer,
} from "../../_support/websocket_server.ts";

let server: WebSocketServer;
let session: HttpSession;
let answer: HandshakeAnswer;
before(async () => {
  server = await webSocketServer((...all) => answer(...all));
  session = new HttpSession();
});
after(async () => {
  await session.close();
  await server[Symbol.asyncDispose]();
});

/** A handshake with one line in place of another, or without it. */
type Lines = (lines: string[], accept: string) => string[];
const without = (start: string): Lines => (lines) => lines.filter((line) => !line.startsWith(start));
const instead = (start: string, line: string): Lines => (lines) =>
  lines.map((each) => each.startsWith(start) ? line : each);
const and = (line: string): Lines => (lines) => [...lines, line];

const handshakes: Record<string, Lines> = {
  "no Sec-WebSocket-Accept": without("Sec-WebSocket-Accept"),
  "the accept of another key": instead("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
  "its accept twice": (lines, accept) => [...lines, `Sec-WebSocket-Accept: ${accept}`],
  "no Upgrade": without("Upgrade"),
  "another protocol": instead("Upgrade", "Upgrade: h2c"),
  "no Connection: upgrade": instead("Connection", "Connection: keep-alive"),
  "a subprotocol nobody has offered": and("Sec-WebSocket-Protocol: other"),
  "an extension nobody has offered": and("Sec-WebSocket-Extensions: permessage-foo"),
  "an extension beside the one that was offered": and("Sec-WebSocket-Extensions: permessage-deflate, permessage-foo"),
  "an extension twice": and("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"),
  "a parameter nobody has offered": and("Sec-WebSocket-Extensions: permessage-deflate; foo=1"),
  "a window of no size": and("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99"),
  "extensions nobody can read": and("Sec-WebSocket-Extensions: ,;"),
};

describe("A handshake is refused that has", () => {
  for (const [what, change] of Object.entries(handshakes)) {
    it(what, async () => {
      answer = (handshake, socket) => {
        const accept = acceptOf(handshake);
        const lines = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${accept}`];
        const fields = change(lines, accept);
        socket.write(["HTTP/1.1 101 Switching Protocols", ...fields, "", ""].join("\r\n"));
      };
      const error = await assertRejects(() => session.websocket(server.origin), HttpError);
      assertEquals([error.status, error.code], [HttpStatus.MALFORMED, "ERR_WEBSOCKET_HANDSHAKE"]);
      assertStringIncludes(error.message, `Cannot open a WebSocket to ${server.origin}/: `);
      await until(() => server.open.size === 0);
    });
  }

  it("no subprotocol where some were offered", async () => {
    answer = (handshake, socket) => socket.write(switching(handshake));
    const opening = () => session.websocket(server.origin, { protocols: ["a"] });
    assertEquals((await assertRejects(opening, HttpError)).code, "ERR_WEBSOCKET_HANDSHAKE");
  });

  it("nothing to do with HTTP, or an end in the middle", async () => {
    for (
      const [bytes, status] of [["SSH-2.0-x\r\n", HttpStatus.MALFORMED], [
        "HTTP/1.1 101 S",
        HttpStatus.IO_ERROR,
      ]] as const
    ) {
      answer = (_handshake, socket) => socket.end(bytes);
      assertEquals((await assertRejects(() => session.websocket(server.origin), HttpError)).status, status);
    }
  });

  it("changes for those alone who have asked: a 101 to a plain request stays an error", async () => {
    answer = () => {};
    const plain = await webSocketServer((handshake, socket) => socket.write(switching(handshake)));
    try {
      const error = await assertRejects(() => session.fetch(plain.origin.replace("ws", "http")), HttpError);
      assertEquals(error.code, "ERR_HTTP_UNREQUESTED_UPGRADE");
    } finally {
      await plain[Symbol.asyncDispose]();
    }
  });
});

const bomb = (size: number) =>
  deflateRawSync(Buffer.alloc(size), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

/** Frames of a server, and the code the client closes with. */
const frames: Record<string, [frames: Buffer[], code: number]> = {
  "a masked frame": [[serverFrame(0x81, "x", true)], 1002],
  "the first reserved bit without an extension": [[serverFrame(0xc1, "x")], 1002],
  "the second reserved bit": [[serverFrame(0xa1, "x")], 1002],
  "the third reserved bit": [[serverFrame(0x91, "x")], 1002],
  "a reserved opcode": [[serverFrame(0x83, "x")], 1002],
  "a reserved control opcode": [[serverFrame(0x8b, "x")], 1002],
  "a continuation of nothing": [[serverFrame(0x80, "x")], 1002],
  "a message within another": [[serverFrame(0x01, "x"), serverFrame(0x81, "y")], 1002],
  "a ping in pieces": [[serverFrame(0x09, "x")], 1002],
  "a ping that is too long": [[serverFrame(0x89, "x".repeat(126))], 1002],
  "a close frame of one byte": [[serverFrame(0x88, "x")], 1002],
  "a close code that may not be sent": [[serverFrame(0x88, new Uint8Array([0x03, 0xed]))], 1002],
  "text that is no UTF-8": [[serverFrame(0x81, new Uint8Array([0xc3, 0x28]))], 1007],
  "text cut within a character": [[serverFrame(0x01, new Uint8Array([0xe2, 0x82])), serverFrame(0x80, "x")], 1007],
  "a surrogate": [[serverFrame(0x81, new Uint8Array([0xed, 0xa0, 0x80]))], 1007],
  "a reason that is no UTF-8": [[serverFrame(0x88, new Uint8Array([0x03, 0xe8, 0xff]))], 1007],
  "a message that is too large": [[serverFrame(0x82, new Uint8Array(1025))], 1009],
  "pieces that are too large together": [[
    serverFrame(0x02, new Uint8Array(600)),
    serverFrame(0x80, new Uint8Array(600)),
  ], 1009],
  "a length of 2^63": [[Buffer.from([0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255])], 1009],
};
const compressed: typeof frames = {
  "a message that is too large once it is decompressed": [[serverFrame(0xc2, bomb(100_000))], 1009],
  "what cannot be decompressed": [[serverFrame(0xc2, new Uint8Array([0xff, 0xff, 0xff]))], 1007],
  "a compressed continuation": [[serverFrame(0x41, bomb(10)), serverFrame(0xc0, "x")], 1002],
  "a compressed ping": [[serverFrame(0xc9, "x")], 1002],
};

/** Opens a socket to a server that sends frames; tells what the client has closed with, and what it was told. */
async function converse(sent: readonly Buffer[], fields: readonly string[] = []) {
  const closed = Promise.withResolvers<number>();
  answer = (handshake, socket) => {
    let seen = Buffer.alloc(0);
    socket.on("data", (piece: Uint8Array) => {
      seen = Buffer.concat([seen, piece]);
      // A close frame: 0x88, a masked length, the mask, a masked code.
      if (seen[0] === 0x88 && seen.length >= 8) closed.resolve((seen[6]! ^ seen[2]!) << 8 | (seen[7]! ^ seen[3]!));
    }).resume();
    socket.write(Buffer.concat([Buffer.from(switching(handshake, fields)), ...sent]));
  };
  const socket = await session.websocket(server.origin, { maxMessageBytes: 1024 });
  const messages: unknown[] = [];
  const errors: Error[] = [];
  socket.onmessage = ({ data }) => messages.push(data);
  socket.onerror = ({ error }) => errors.push(error);
  const end = await ended(socket);
  return { code: await closed.promise, end, errors, messages };
}

function ended(socket: HttpWebSocket): Promise<[number, boolean]> {
  return new Promise((resolve) => socket.onclose = ({ code, wasClean }) => resolve([code, wasClean]));
}

describe("A WebSocket ends, and says why to both, when the server sends", () => {
  for (const [what, [sent, code]] of Object.entries({ ...frames, ...compressed })) {
    it(what, async () => {
      const fields = what in compressed ? ["Sec-WebSocket-Extensions: permessage-deflate"] : [];
      const result = await converse(sent, fields);
      assertEquals([result.code, result.end, result.messages, result.errors.length], [code, [1006, false], [], 1]);
    });
  }
});

describe("A WebSocket reads", () => {
  it("messages in pieces with pings between, however they are cut on the wire", async () => {
    const all = Buffer.concat([
      ...[
        serverFrame(0x01, "ü".repeat(3).slice(0, 1)),
        serverFrame(0x89, "ping"),
        serverFrame(0x00, ""),
        serverFrame(0x80, "b"),
      ],
      ...[serverFrame(0x82, new Uint8Array(200)), serverFrame(0x88, new Uint8Array([0x03, 0xe8]))],
    ]);
    answer = (handshake, socket) => {
      socket.on("data", () => {}).resume();
      socket.write(switching(handshake));
      // One byte after the other, each in a turn of its own.
      let offset = 0;
      const send = () => {
        if (offset < all.length) socket.write(all.subarray(offset, ++offset), () => setImmediate(send));
      };
      send();
    };
    const socket = await session.websocket(server.origin);
    socket.binaryType = "arraybuffer";
    const messages: unknown[] = [];
    socket.onmessage = ({ data }) => messages.push(typeof data === "string" ? data : (data as ArrayBuffer).byteLength);
    assertEquals(await ended(socket), [1000, true]);
    assertEquals(messages, ["üb", 200]);
  });

  it("nothing behind a close frame", async () => {
    answer = (handshake, socket) => {
      socket.on("data", () => {}).resume();
      const sent = [serverFrame(0x88, new Uint8Array([0x0f, 0xa1])), serverFrame(0x81, "late"), serverFrame(0xff, "x")];
      socket.write(Buffer.concat([Buffer.from(switching(handshake)), ...sent]));
    };
    const socket = await session.websocket(server.origin);
    let told = 0;
    socket.onmessage = socket.onerror = () => void told++;
    assertEquals([await ended(socket), told], [[4001, true], 0]);
  });

  it("a close that crosses its own, once", async () => {
    const seen = Promise.withResolvers<void>();
    let bytes = 0;
    answer = (handshake, socket) => {
      socket.on("data", (piece: Uint8Array) => {
        bytes += piece.length;
        socket.write(serverFrame(0x88, new Uint8Array([0x03, 0xe9])));
        seen.resolve();
      }).resume();
      socket.write(switching(handshake));
    };
    const socket = await session.websocket(server.origin);
    const end = ended(socket);
    socket.close(1000);
    await seen.promise;
    assertEquals([await end, bytes], [[1001, true], 8]);
  });

  it("pings of a server that does not read what it is answered, and keeps the last of them alone", async () => {
    let kept: (() => void) | null = null;
    const written: Buffer[] = [];
    const duplex = new Duplex({
      writableHighWaterMark: 64,
      read() {},
      write: (bytes: Buffer, _encoding, done) => {
        written.push(bytes);
        kept = done;
      },
    });
    const closed = Promise.withResolvers<void>();
    const upgraded = { ...toByteDuplex(duplex), duplex, closed: closed.promise, destroy: () => closed.resolve() };
    const over = Promise.withResolvers<void>();
    const seen: string[] = [];
    const options = { extensions: {}, maxMessageBytes: 1024, keepaliveInterval: 0 };
    const stream = new FrameStream(upgraded, await loadFraming(), options, {
      message: (data) => void seen.push(data.toString()),
      closing() {},
      failed() {},
      closed: () => over.resolve(),
    });
    stream.start();
    const pings = Array.from({ length: 1000 }, (_, index) => serverFrame(0x89, String(index).padStart(100, "0")));
    duplex.push(Buffer.concat([...pings, serverFrame(0x81, "end")]));
    await until(() => seen.length > 0);
    assert(duplex.writableLength < 1000, String(duplex.writableLength));
    // The server reads again: of a thousand pings the first and the last are answered.
    while (kept !== null) {
      const done: () => void = kept;
      kept = null;
      done();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assertEquals(unmasked(written), [pings[0]!, pings[999]!].map((ping) => ping.subarray(2).toString()));
    stream.destroy();
    await over.promise;
  });
});

/** The payloads of short masked frames. */
function unmasked(pieces: readonly Uint8Array[]): string[] {
  const bytes = Buffer.concat(pieces);
  const payloads: string[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = bytes[offset + 1]! & 127;
    const mask = bytes.subarray(offset + 2, offset + 6);
    const payload = bytes.subarray(offset + 6, offset + 6 + length);
    payloads.push(Buffer.from(payload.map((byte, index) => byte ^ mask[index % 4]!)).toString());
    offset += 6 + length;
  }
  return payloads;
}
