// A private Mosquitto that knows its clients by their certificates, and what MQTT 3.1.1 takes to speak with it.
import { Buffer } from "node:buffer";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { programPath } from "../../tools/native_libraries.ts";
import { freePort, spawnServer, stopServer, untilListening } from "./server_programs.ts";
import { temporaryFolder } from "./temporary_folder.ts";
import type { TestCertificates } from "./tls_certificates.ts";

const mosquittoPath = programPath("mosquitto");

/** Why tests that need a broker are skipped; false where they are not. */
export const noMosquitto: string | false = mosquittoPath === null && "there is no mosquitto";

/** Starts a broker: whoever has shown the certificate of CN may read and write below `clients/CN/`, and nobody else may. */
export async function startMosquitto(
  { ca, good }: TestCertificates,
): Promise<AsyncDisposable & { readonly port: number }> {
  const port = await freePort();
  const folder = temporaryFolder("mosquitto");
  const [configuration, rights] = [join(folder, "mosquitto.conf"), join(folder, "rights")];
  writeFileSync(rights, "pattern readwrite clients/%u/#\n", { mode: 0o600 });
  const lines = [
    ...[`listener ${port} 127.0.0.1`, `cafile ${ca.certFile}`, `certfile ${good.certFile}`, `keyfile ${good.keyFile}`],
    ...["require_certificate true", "use_identity_as_username true", `acl_file ${rights}`],
    // As root it would become a user who may not read these files.
    ...["user root", "persistence false", "log_dest none"],
  ];
  writeFileSync(configuration, `${lines.join("\n")}\n`);
  // Some systems confine the program to the folders of their own service, by the place where it is.
  const program = join(folder, "mosquitto");
  copyFileSync(mosquittoPath!, program);
  const child = spawnServer(program, ["-c", configuration]);
  await untilListening(port, child);
  return { port, [Symbol.asyncDispose]: () => stopServer(child) };
}

/** The first byte of a packet, its type and flags (MQTT 3.1.1 §2.2). */
const Type = { CONNECT: 0x10, PUBLISH: 0x30, SUBSCRIBE: 0x82, DISCONNECT: 0xe0 } as const;

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

function packet(type: number, ...body: readonly Uint8Array[]): Buffer {
  const whole = Buffer.concat(body);
  const length: number[] = [];
  let left = whole.length;
  for (; left > 127; left >>= 7) length.push(left & 127 | 128);
  length.push(left);
  return Buffer.concat([Buffer.from([type, ...length]), whole]);
}

/** A client over any stream. */
export class MqttClient {
  readonly #stream: Duplex;
  readonly #packets: AsyncGenerator<Buffer, void>;

  /** Speaks over a stream, which is this one's from now on. */
  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#packets = packetsOf(stream);
  }

  /** Says who it is; what the broker says to it: 0 for welcome. */
  async connect(name: string): Promise<number | undefined> {
    const cleanSession = 2;
    this.#stream.write(packet(Type.CONNECT, text("MQTT"), Buffer.from([4, cleanSession, 0, 60]), text(name)));
    return (await this.#next()).at(-1);
  }

  /** Asks for a topic; what the broker grants. */
  async subscribe(topic: string): Promise<number | undefined> {
    this.#stream.write(packet(Type.SUBSCRIBE, Buffer.from([0, 1]), text(topic), Buffer.from([0])));
    return (await this.#next()).at(-1);
  }

  /** Publishes. */
  publish(topic: string, message: Uint8Array): void {
    this.#stream.write(packet(Type.PUBLISH, text(topic), message));
  }

  /** The next thing that somebody has published. */
  async received(): Promise<{ topic: string; message: Buffer }> {
    const body = await this.#next();
    const end = 2 + body.readUInt16BE(0);
    return { topic: body.toString("utf8", 2, end), message: body.subarray(end) };
  }

  /** Takes its leave, and waits for the broker to close. */
  async end(): Promise<void> {
    this.#stream.write(packet(Type.DISCONNECT));
    for await (const _ of this.#packets);
  }

  async #next(): Promise<Buffer> {
    const { value } = await this.#packets.next();
    if (value === undefined) throw new Error("The broker has closed the connection");
    return value;
  }
}

/** What packets hold, whatever pieces they come in. */
async function* packetsOf(stream: Duplex): AsyncGenerator<Buffer, void> {
  let rest = Buffer.alloc(0);
  for await (const piece of stream as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, piece]);
    for (;;) {
      let [at, length, shift, isWhole] = [1, 0, 0, false];
      while (!isWhole && at < rest.length) {
        const byte = rest[at++]!;
        length |= (byte & 127) << shift;
        shift += 7;
        isWhole = byte < 128;
      }
      if (!isWhole || rest.length < at + length) break;
      const body = rest.subarray(at, at + length);
      rest = rest.subarray(at + length);
      yield body;
    }
  }
}
