// A server that takes whatever it is sent keeps nobody from going on: a long body is written in bursts.
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { Exchange } from "../../../../http/transports/node/node_exchange.ts";
import { Wire } from "../../../../http/transports/node/node_wire.ts";

const SIZE = 8 << 20;
const BURST = 1 << 20;
const PIECE = 64 * 1024;

const bodies = {
  "bytes": () => new Uint8Array(SIZE),
  "a stream": () => {
    let left = SIZE;
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller): void {
        controller.enqueue(new Uint8Array(PIECE));
        left -= PIECE;
        if (left === 0) controller.close();
      },
    });
  },
};

describe("an upload to a server that takes everything at once", () => {
  for (const [kind, body] of Object.entries(bodies)) {
    for (const framing of ["length", "chunked"] as const) {
      it(`lets others go on after each burst: ${kind}, ${framing}`, async () => {
        let inTurn = 0;
        let most = 0;
        let all = 0;
        const stream = new Duplex({
          read() {},
          write(bytes: Uint8Array, _encoding, done) {
            inTurn += bytes.byteLength;
            all += bytes.byteLength;
            most = Math.max(most, inTurn);
            done();
          },
          writableHighWaterMark: 2 * SIZE,
        });
        let isWritten = false;
        const exchange = new Exchange(new Wire(stream, new Socket()), {
          request: { method: "POST", body: body(), expectContinue: false },
          head: { text: "POST / HTTP/1.1\r\n\r\n", framing, contentLength: SIZE, isLast: false },
          observer: {
            networkEvent() {},
            tunneling() {},
            tlsInfo() {},
            wroteHeaders() {},
            wroteBodyData() {},
            wroteBody: () => void (isWritten = true),
            informational() {},
          },
          maxHeaderBytes: 10_000,
          onFinished() {},
        });
        const running = exchange.run().catch((error: unknown) => error);
        while (!isWritten) {
          inTurn = 0;
          await setImmediate();
        }
        const reason = new Error("seen enough");
        exchange.abort(reason);
        assertEquals(await running, reason);
        assert(all >= SIZE && most <= BURST + 2 * PIECE, `${most} of ${all} bytes in one turn`);
      });
    }
  }
});
