// About http/features/cache/response_recorder.ts: a reader and whoever runs ahead of it share the reads of one source.
import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { RecordedBody } from "../../../../http/features/cache/response_recorder.ts";
import { CacheMemoryStore, type CacheWriter } from "../../../../http/features/cache/store.ts";

/** A writer that answers later and gives nothing back. */
function lateWriter(): CacheWriter {
  return { write: () => Promise.resolve(), commit: () => {}, discard: () => {} };
}

for (
  const [name, writer] of [["gives back", () => new CacheMemoryStore().open()], ["answers later", lateWriter]] as const
) {
  it(`gives the reader each piece once, however far others run ahead, where the writer ${name}`, async () => {
    for (let steps = 0; steps < 80; steps++) {
      const pieces = Array.from({ length: 12 }, (_, index) => Uint8Array.of(index));
      const rest = pieces.values();
      const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull(controller) {
          const { done, value } = rest.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
      }, { highWaterMark: 0 });
      const observer = { finish: () => {}, fail: () => {} };
      const body = new RecordedBody(source, writer(), 1000, observer);
      void body.drain();
      const seen: number[] = [];
      for await (const [byte] of body.readable) {
        seen.push(byte!);
        // The reader comes at another moment of the others' reads each time.
        for (let step = (steps * seen.length) % (1 + steps % 19); step > 0; step--) await null;
      }
      assertEquals(seen, pieces.map(([byte]) => byte), `${steps} steps`);
    }
  });
}
