// A ClientTls that can be seen through, and the server's end of it.
import { connect, type Socket } from "node:net";
import type { ByteDuplex, ClientTls } from "../../http/transports/transport.ts";

/** Not TLS at all: every byte is inverted, which is enough to see that both directions go through it. */
export class MaskingTls implements ClientTls {
  handshakes = 0;
  host = "";
  readonly #problems: string[];

  constructor(problems: string[] = []) {
    this.#problems = problems;
  }

  connect(socket: ByteDuplex, { host }: { host: string }) {
    this.handshakes++;
    this.host = host;
    const inverter = () =>
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => controller.enqueue(chunk.map((byte) => byte ^ 0xff)),
      });
    const outgoing = inverter();
    // A broken connection ends both directions; the transport sees it at the readable side.
    outgoing.readable.pipeTo(socket.writable).catch(() => {});
    return Promise.resolve({
      readable: socket.readable.pipeThrough(inverter()),
      writable: outgoing.writable,
      tls: { certificate: null, errors: this.#problems, protocol: "mask", cipher: "xor" },
    });
  }
}

/** Serves a socket that is masked from a server that is not. */
export function maskTo(port: number, socket: Socket): void {
  const upstream = connect(port, "127.0.0.1");
  const invert = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte) => byte ^ 0xff);
  socket.on("data", (bytes: Uint8Array) => upstream.write(invert(bytes))).on("close", () => upstream.destroy());
  upstream.on("data", (bytes: Uint8Array) => socket.write(invert(bytes))).on("error", () => {});
  upstream.on("close", () => socket.destroy());
}
