import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { byobReader, gatheredStream } from "../../../../http/transports/fetch/gathered_stream.ts";
import { SeededRandom } from "../../../_support/random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

type Step = Bytes | Promise<void> | Error;

/** A byte stream that gives these pieces one by one, waits where it has a promise, fails where it has an error. */
function source(steps: Iterable<Step>, cancelled?: (reason: unknown) => void): ReadableStream<Bytes> {
  const iterator = steps[Symbol.iterator]();
  return new ReadableStream<Bytes>({
    type: "bytes",
    async pull(controller) {
      for (;;) {
        const { done, value } = iterator.next();
        if (done) {
          controller.close();
          (controller as ReadableByteStreamController).byobRequest?.respond(0);
          return;
        }
        if (value instanceof Error) throw value;
        if (!(value instanceof Promise)) return controller.enqueue(value.slice());
        await value;
      }
    },
    cancel: (reason) => cancelled?.(reason),
  }) as ReadableStream<Bytes>;
}

function gathered(stream: ReadableStream<Bytes>, explain: (error: unknown) => unknown = (error) => error) {
  return gatheredStream(byobReader(stream)!, explain);
}

async function collect(stream: ReadableStream<Bytes>): Promise<Bytes[]> {
  const pieces: Bytes[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

function join(pieces: readonly Bytes[]): Bytes {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

const bytes = new SeededRandom(7).bytes(300_000) as Bytes;
function* cut(size: number): Generator<Bytes> {
  for (let offset = 0; offset < bytes.byteLength; offset += size) yield bytes.subarray(offset, offset + size);
}

describe("gatheredStream", () => {
  it("puts small pieces that are there together, and changes no byte", async () => {
    for (const size of [4096, 1000, 5000, 16_384, 100_000, 300_000]) {
      const pieces = await collect(gathered(source(cut(size))));
      assertEquals(join(pieces), bytes, String(size));
      assert(pieces.every(({ byteLength }) => byteLength > 0 && byteLength <= 65_536));
      assert(pieces.length <= 20, `${pieces.length} pieces of ${size}`);
      assert(pieces.every(({ buffer, byteLength }) => buffer.byteLength === byteLength));
    }
  });

  it("waits for nothing that is not there", async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const [first, second] = gates.map(({ promise }) => promise);
    const steps = [bytes.subarray(0, 10), first!, bytes.subarray(10, 30), second!, bytes.subarray(30, 35)];
    const pieces: Bytes[] = [];
    for await (const piece of gathered(source(steps))) {
      pieces.push(piece);
      gates.shift()?.resolve();
    }
    assertEquals(pieces.map(({ byteLength }) => byteLength), [10, 20, 5]);
    assertEquals(join(pieces), bytes.slice(0, 35));
  });

  it("gives what came before an error, then the error as explained", async () => {
    const stream = gathered(source([bytes.subarray(0, 10), bytes.subarray(10, 20), new Error("torn")]), (error) => {
      return new TypeError(`explained: ${(error as Error).message}`);
    });
    const reader = stream.getReader();
    const seen: Bytes[] = [];
    const error = await assertRejects(async () => {
      for (;;) seen.push((await reader.read()).value!);
    }, TypeError);
    assertEquals(error.message, "explained: torn");
    assertEquals(join(seen), bytes.slice(0, 20));
  });

  it("cancels its source, also while a read waits", async () => {
    let reason: unknown;
    const reader = gathered(source([bytes.subarray(0, 10), new Promise(() => {})], (given) => reason = given))
      .getReader();
    assertEquals((await reader.read()).value!.byteLength, 10);
    await reader.cancel("enough");
    assertEquals(reason, "enough");
  });

  it("ends an empty stream and leaves streams alone that take no buffers", async () => {
    assertEquals(await collect(gathered(source([]))), []);
    const plain = new ReadableStream<Bytes>();
    assertEquals(byobReader(plain), null);
    assert(!plain.locked);
  });
});
