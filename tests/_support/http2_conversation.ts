// What hostile servers say by HTTP/2, and what has to come of it: fuzz tests use it with fixed seeds, `deno task fuzz` with new ones.
import { Buffer } from "node:buffer";
import { TransportError } from "../../http/errors.ts";
import { ErrorCode } from "../../http/transports/h2/wire/errors.ts";
import {
  Flag,
  frame,
  frameHeader,
  FrameType,
  headersFrames,
  numberFrame,
  Setting,
  settingsFrame,
} from "../../http/transports/h2/wire/frames.ts";
import { HpackEncoder } from "../../http/transports/h2/wire/hpack_encoder.ts";
import type { Field } from "../../http/transports/h2/wire/hpack_table.ts";
import { hasResponseBody } from "../../http/transports/incoming_response.ts";
import { fieldPieces } from "./fuzz_inputs.ts";
import { flushed, goAway, Http2Peer } from "./http2_peer.ts";
import type { SeededRandom } from "./random.ts";
import { streamOf } from "./transport_driver.ts";

const statuses = ["200", "200", "200", "204", "304", "401", "100", "103", "101", "099", "20", "1000", ""];
const names = [
  ..."content-length content-type set-cookie x-a connection transfer-encoding te host date Upper".split(" "),
  ...[":status", ":path", "", "a b", "\u00e9"],
];
const lengths = ["0", "3", "10", "16384", "100000", "-1", "1,1", "99999999999999999999"];

/** Fields of a response, most of them as they should be. */
export function fieldsOf(random: SeededRandom): Field[] {
  const fields: Field[] = random.next() < 0.9 ? [[":status", random.pick(statuses)]] : [];
  for (let count = random.integer(0, 5); count > 0; count--) {
    const name = random.pick(names);
    const isLength = name === "content-length" && random.next() < 0.9;
    fields.push([name, isLength ? random.pick(lengths) : random.fieldValue(fieldPieces, 4)]);
  }
  return fields;
}

/** Streams of the client's, one of the server's, one that nobody has opened, and the connection. */
const streams = [1, 1, 1, 3, 3, 5, 5, 0, 2, 99];
const increments = [0, 1, 100, 65_535, 0x7fffffff, 0xffffffff];
const settings = [...Object.values(Setting), 0, 99];
const values = [0, 1, 2, 100, 4096, 16_384, 65_535, 0xffffff, 0x7fffffff, 0xffffffff];
const reasons = Object.values(ErrorCode);

const makers: readonly ((random: SeededRandom, encoder: HpackEncoder) => readonly Uint8Array[])[] = [
  (random, encoder) => {
    const block = encoder.encode(fieldsOf(random));
    const size = random.pick([1, 5, 16_384, 16_384, 16_384]);
    return headersFrames(random.pick(streams), block, random.next() < 0.3, size);
  },
  (random) => {
    const bytes = new Uint8Array(random.pick([0, 1, 3, 10, 1000, 16_384, 16_384, 20_000]));
    return [frame(FrameType.DATA, random.pick([0, 0, 0, Flag.END_STREAM, Flag.PADDED]), random.pick(streams), bytes)];
  },
  (random) => [numberFrame(FrameType.WINDOW_UPDATE, random.pick(streams), random.pick(increments))],
  (random) => [numberFrame(FrameType.RST_STREAM, random.pick(streams), random.pick(reasons))],
  (random) => {
    const list = Array.from(
      { length: random.integer(0, 4) },
      () => [random.pick(settings), random.pick(values)] as const,
    );
    return [settingsFrame(list)];
  },
  (random) => [frame(FrameType.PING, random.pick([0, 0, Flag.ACK]), random.pick([0, 0, 0, 1]), random.bytes(8))],
  (random) => [goAway(random.pick(streams), random.pick(reasons))],
  (random) => {
    const payload = random.bytes(random.integer(0, 12));
    return [frame(random.integer(0, 12), random.integer(0, 256), random.pick(streams), payload)];
  },
  (
    random,
  ) => [frameHeader(random.integer(0, 10), random.integer(0, 64), random.pick(streams), random.integer(0, 20_000))],
];

/** What a server sends, and how much of it at once. */
export interface Conversation {
  readonly bytes: Uint8Array;
  readonly piece: number;
}

/** Makes one. */
export function conversation(random: SeededRandom): Conversation {
  const encoder = new HpackEncoder();
  const frames: Uint8Array[] = random.next() < 0.95 ? [settingsFrame([])] : [];
  for (let count = random.integer(1, 14); count > 0; count--) {
    // What a server says most of the time, so that the rest meets streams in every state.
    const make = makers[random.next() < 0.6 ? random.integer(0, 2) : random.integer(0, makers.length)]!;
    const made = make(random, encoder);
    const isFlood = made.length === 1 && made[0]!.length < 50 && random.next() < 0.03;
    for (let times = isFlood ? 1200 : 1; times > 0; times--) frames.push(...made);
  }
  const bytes = Buffer.concat(frames);
  const isDamaged = bytes.length < 100_000 && random.next() < 0.3;
  return {
    bytes: isDamaged ? random.mutate(bytes) : Uint8Array.from(bytes),
    piece: random.pick(bytes.length < 3000 ? [1 << 20, 1000, 9, 1] : [1 << 20, 16_384, 1000]),
  };
}

/** More than a connection says of itself, answers with and uploads here. */
const MOST_WRITTEN = 1_500_000;

/** Says all of it: every exchange ends once, as announced or with an error of ours, at a bounded cost. */
export async function converse({ bytes, piece }: Conversation): Promise<void> {
  const server = new Http2Peer();
  const reason = new Error("the round is over");
  const exchanges = [
    server.request("/get"),
    server.request("/post", { method: "POST", body: new Uint8Array(70_000), expectContinue: piece === 9 }),
    server.request("/put", { method: "PUT", body: streamOf("streamed", "body") }),
  ].map(async ({ response }, index) => {
    try {
      const received = await response;
      const { headers, status } = received;
      if (status < 200 || status > 999) throw new Error(`an exchange was answered with ${status}`);
      const read = index === 1 ? (await received.bytes()).byteLength : await lengthOf(received.body);
      // Fields that say the same are one (RFC 9110 §8.6).
      const announced = hasResponseBody("GET", status) ? headers.get("content-length") : null;
      if (announced !== null && Number(announced.split(",")[0]) !== read) {
        throw new Error(`a body of ${read} bytes was given, announced as ${announced}`);
      }
    } catch (error) {
      if (error !== reason && !(error instanceof TransportError)) throw error;
    }
  });
  for (let at = 0; at < bytes.byteLength; at += piece) server.send(bytes.subarray(at, at + piece));
  await flushed();
  const wasOver = server.isDestroyed;
  if (wasOver !== server.hasEnded) throw new Error("the connection has ended, and nobody was told");
  server.connection.close(reason);
  await Promise.all(exchanges);
  if (!server.isDestroyed || server.keptAlive) throw new Error("the connection stays");
  if (server.written > MOST_WRITTEN) throw new Error(`${server.written} bytes were written`);
}

async function lengthOf(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let length = 0;
  for await (const piece of body ?? []) length += piece.byteLength;
  return length;
}
