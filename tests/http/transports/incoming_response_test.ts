// How far a body is taken from its connection ahead of whoever reads it.
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type BodySource, IncomingBody } from "../../../http/transports/incoming_response.ts";

const piece = new Uint8Array(32 * 1024);

/** A connection that sends as much as it is let. */
class Sender implements BodySource {
  readonly body = new IncomingBody(this);
  isPaused = false;
  stops = 0;
  sent = 0;

  pause(): void {
    this.isPaused = true;
    this.stops++;
  }
  resume(): void {
    this.isPaused = false;
  }
  awaited(): void {}
  abandon(): void {}

  /** Sends until it is stopped, or has sent `most` bytes. */
  send(most = Infinity): void {
    for (let sent = 0; !this.isPaused && sent < most; sent += piece.byteLength) {
      this.sent += piece.byteLength;
      this.body.push(piece.slice());
    }
  }
}

describe("IncomingBody", () => {
  it("takes 64 KiB of what nobody reads, and no more of what was only begun", async () => {
    const sender = new Sender();
    sender.send();
    assertEquals(sender.sent, 64 * 1024);
    const reader = sender.body.stream.getReader();
    await reader.read();
    sender.send();
    assertEquals(sender.sent, 64 * 1024);
  });

  it("takes half a MiB ahead of one who reads on, and goes on when half of it is left", async () => {
    const sender = new Sender();
    const reader = sender.body.stream.getReader();
    for (let read = 0; read < 512 * 1024; read += piece.byteLength) {
      const next = reader.read();
      sender.send(piece.byteLength);
      await next;
    }
    assertEquals(sender.stops, 0);
    const before = sender.sent;
    sender.send();
    assertEquals([sender.sent - before, sender.stops], [512 * 1024, 1]);
    let read = 0;
    for (; sender.isPaused; read += piece.byteLength) await reader.read();
    assertEquals(read, 256 * 1024 + piece.byteLength);
  });
});
