// What goes over one stream keeps its order, however much of it waits: http/transports/node/node_wire.ts and
// node_bun_socket.ts.
import { assert, assertEquals } from "@std/assert";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { Wire, type WireReader } from "../../../../http/transports/node/node_wire.ts";

/** Two ends of a connection; the second one is the server's. */
async function pair(): Promise<{ near: Socket; far: Socket; server: Server }> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const server = createServer(resolve);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const near = connect({ host: "127.0.0.1", port: (server.address() as { port: number }).port });
  await new Promise<void>((connected) => near.once("connect", () => connected()));
  return { near, far: await promise, server };
}

/** Collects what arrives, and says when it is over. */
class Collector implements WireReader {
  readonly pieces: Uint8Array[] = [];
  readonly over: PromiseWithResolvers<void> = Promise.withResolvers();

  received(bytes: Uint8Array): void {
    this.pieces.push(new Uint8Array(bytes));
  }
  ended(): void {
    this.over.resolve();
  }
  broke(error: Error): void {
    this.over.reject(error);
  }
  get text(): string {
    return this.pieces.map((piece) => String.fromCharCode(...piece)).join("");
  }
}

const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `${from + index}\n`).join("");

describe("a wire", () => {
  it("sends small pieces behind large ones that still wait, text as Latin-1", async () => {
    const { near, far, server } = await pair();
    far.pause();
    const wire = new Wire(near, near);
    const large = new Uint8Array(8 << 20).fill(46);
    wire.write("first é\n");
    void wire.write(large);
    wire.write("second\n");
    wire.write(new Uint8Array([51, 10]));
    wire.together(() => {
      wire.write("fourth ");
      wire.write("ÿ\n");
    });
    const hashes: string[] = [];
    let size = 0;
    const expected = "first é\nsecond\n3\nfourth ÿ\n";
    far.on("data", (bytes: Uint8Array) => {
      size += bytes.byteLength;
      hashes.push(String.fromCharCode(...bytes.filter((byte) => byte !== 46)));
      if (size === large.byteLength + expected.length) far.end();
    });
    far.resume();
    const ended = new Promise<void>((resolve) => near.once("end", resolve));
    wire.resume();
    await ended;
    assertEquals(hashes.join(""), expected);
    wire.destroy();
    server.close();
  });

  it("gives what comes in order to a reader that holds the peer back again and again", async () => {
    const { near, far, server } = await pair();
    const wire = new Wire(near, near);
    const collector = new Collector();
    const received = collector.received.bind(collector);
    collector.received = (bytes) => {
      received(bytes);
      wire.pause();
      setTimeout(() => wire.resume(), 1);
    };
    wire.read(collector);
    wire.resume();
    for (let part = 0; part < 40; part++) {
      far.write(numbered(part * 1000, part * 1000 + 1000));
      if (part % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    far.end();
    await collector.over.promise;
    assertEquals(collector.text, numbered(0, 40_000));
    wire.destroy();
    server.close();
  });

  it("gives the memory of what came back at once where its reader keeps nothing, and leaves others theirs", async () => {
    for (const [keepsNothing, isSocket] of [[true, true], [false, true], [true, false]] as const) {
      const { near, far, server } = await pair();
      const stream = isSocket ? near : Duplex.from({ readable: near, writable: near });
      const wire = new Wire(stream, near);
      const collector = Object.assign(new Collector(), { keepsNothing });
      const kept: Uint8Array[] = [];
      const received = collector.received.bind(collector);
      collector.received = (bytes) => {
        received(bytes);
        if (bytes.byteLength === bytes.buffer.byteLength && bytes.byteLength >= 4096) kept.push(bytes);
      };
      wire.read(collector);
      wire.resume();
      far.end(numbered(0, 100_000));
      await collector.over.promise;
      assertEquals(collector.text, numbered(0, 100_000));
      assert(kept.length > 0);
      assertEquals(kept.every(({ byteLength }) => byteLength === 0), keepsNothing && isSocket);
      assertEquals(kept.some(({ byteLength }) => byteLength === 0), keepsNothing && isSocket);
      wire.destroy();
      server.close();
    }
  });

  it("leaves the stream to whoever comes next as it was", async () => {
    const { near, far, server } = await pair();
    const wire = new Wire(near, near);
    const collector = new Collector();
    wire.read(collector);
    wire.resume();
    const first = new Promise<void>((resolve) => {
      collector.received = () => resolve();
    });
    far.write("mine");
    await first;
    const stream = wire.handOver(new TextEncoder().encode("yours "));
    far.end("too");
    const text = await new Response(stream.readable).text();
    assertEquals(text, "yours too");
    stream.destroy();
    server.close();
  });
});
