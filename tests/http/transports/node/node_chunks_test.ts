// Chunks of a body of unknown length: what is written at once, and what is joined while the socket is busy.
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { connect, createServer, Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ChunkWriter } from "../../../../http/transports/node/node_chunks.ts";
import { Wire } from "../../../../http/transports/node/node_wire.ts";
import { PIECE } from "../../../../http/transports/request_body_writer.ts";
import { ending, listening } from "../../../_support/listening.ts";

const encoder = new TextEncoder();
const silent = { received() {}, ended() {}, broke() {} };

/** Notes what is written, and takes more when it is told to. */
class Sink {
  readonly written: string[] = [];
  #drained: (() => void) | null = null;
  isBusy = false;

  takeRoom(size: number): Buffer {
    return Buffer.alloc(size, "?");
  }
  writeRoom(room: Buffer, begin: number, end: number): Promise<void> | void {
    this.written.push(room.toString("latin1", begin, end));
    room.fill("!");
    if (this.isBusy) return new Promise((resolve) => this.#drained = resolve);
  }
  /** Takes more. */
  async drain(): Promise<void> {
    this.#drained?.();
    await setImmediate();
  }
}

describe("ChunkWriter", () => {
  it("writes each piece at once while more is wanted", () => {
    const sink = new Sink();
    const chunks = new ChunkWriter(sink);
    for (const text of ["a", "bcd", "e".repeat(17)]) assertEquals(chunks.write(encoder.encode(text)), undefined);
    chunks.flush();
    assertEquals(sink.written, ["1\r\na\r\n", "3\r\nbcd\r\n", `11\r\n${"e".repeat(17)}\r\n`]);
  });

  it("joins copies of what comes while the socket is busy, and writes it as one chunk when it is not", async () => {
    const sink = new Sink();
    const chunks = new ChunkWriter(sink);
    sink.isBusy = true;
    // The source uses its memory again.
    const piece = encoder.encode("first");
    for (const text of ["first", "next.", "last."]) {
      encoder.encodeInto(text, piece);
      assertEquals(chunks.write(piece), undefined);
    }
    assertEquals(sink.written, ["5\r\nfirst\r\n"]);
    await sink.drain();
    assertEquals(sink.written, ["5\r\nfirst\r\n", "a\r\nnext.last.\r\n"]);
    chunks.write(encoder.encode("more"));
    sink.isBusy = false;
    await sink.drain();
    assertEquals(sink.written.splice(2), ["4\r\nmore\r\n"]);
    chunks.write(encoder.encode("at once"));
    assertEquals(sink.written.splice(2), ["7\r\nat once\r\n"]);
  });

  it("holds its source back before there is no room for another piece", async () => {
    const sink = new Sink();
    const chunks = new ChunkWriter(sink);
    sink.isBusy = true;
    chunks.write(new Uint8Array(1));
    let taken = 0;
    let full: Promise<void> | void = undefined;
    while (full === undefined) {
      full = chunks.write(new Uint8Array(PIECE - 1));
      taken += PIECE - 1;
    }
    assert(taken <= 4 * PIECE, `${taken} bytes were joined`);
    await sink.drain();
    await full;
    assertEquals(sink.written.map((text) => text.split("\r\n", 1)[0]), ["1", taken.toString(16)]);
    assertEquals(chunks.write(new Uint8Array(PIECE)), undefined);
  });

  it("hands over what it has joined at the end, though the socket is busy", () => {
    const sink = new Sink();
    const chunks = new ChunkWriter(sink);
    sink.isBusy = true;
    chunks.write(encoder.encode("first"));
    chunks.write(encoder.encode("last"));
    chunks.flush();
    chunks.flush();
    assertEquals(sink.written, ["5\r\nfirst\r\n", "4\r\nlast\r\n"]);
  });

  it("writes everything in order over a socket whose peer reads slowly", async () => {
    const received: Uint8Array[] = [];
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const server = createServer((accepted) => {
      accepted.on("data", (bytes: Uint8Array) => {
        received.push(bytes);
        accepted.pause();
        setTimeout(() => accepted.resume(), 1);
      }).on("end", () => resolve());
    });
    const socket = connect(await listening(server), "127.0.0.1");
    const wire = new Wire(socket, socket);
    wire.read(silent);
    const chunks = new ChunkWriter(wire);
    let expected = "";
    for (let at = 0; at < 400; at++) {
      const text = String.fromCharCode(97 + at % 26).repeat(at % 3 === 0 ? PIECE : 1 + at);
      expected += text;
      const full = chunks.write(encoder.encode(text));
      if (full !== undefined) await full;
    }
    chunks.flush();
    socket.end();
    await over;
    wire.destroy();
    await ending(server, []);
    assert(dataOf(Buffer.concat(received).toString("latin1")) === expected);
  });

  it("writes nothing into a chunk that a stream of somebody else's may have kept", async () => {
    const kept: Uint8Array[] = [];
    const stream = new Duplex({
      read() {},
      write(bytes: Uint8Array, _encoding, done) {
        kept.push(bytes);
        done();
      },
    });
    const wire = new Wire(stream, new Socket());
    wire.read(silent);
    const chunks = new ChunkWriter(wire);
    const texts = ["first", "next", "last"].map((text) => text.repeat(1000));
    for (const text of texts) {
      await chunks.write(encoder.encode(text));
      await setImmediate();
    }
    wire.destroy();
    const [first, next, last] = texts;
    assertEquals(Buffer.concat(kept).toString(), `1388\r\n${first}\r\nfa0\r\n${next}\r\nfa0\r\n${last}\r\n`);
  });
});

/** What is in the chunks. */
function dataOf(text: string): string {
  let data = "";
  for (let at = 0; at < text.length;) {
    const begin = text.indexOf("\r\n", at) + 2;
    const end = begin + parseInt(text.slice(at, begin), 16);
    assertEquals(text.slice(end, end + 2), "\r\n");
    data += text.slice(begin, end);
    at = end + 2;
  }
  return data;
}
