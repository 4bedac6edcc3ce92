import { assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { viewBytes, viewMemory } from "../../../ffi/memory/inputs.ts";

/** Views of every kind that are no Uint8Array, of the bytes 1 to 8. */
function otherViews(): ArrayBufferView[] {
  const { buffer } = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  return [
    new DataView(buffer),
    new Int8Array(buffer),
    new Uint8ClampedArray(buffer),
    new Int16Array(buffer),
    new Float64Array(buffer),
    new BigUint64Array(buffer),
  ];
}

describe("A view of another kind", () => {
  for (const { name, prototype } of [Uint8Array, Buffer]) {
    it(`is read by its bytes and not written to, the prototype of ${name} or not`, () => {
      for (const view of otherViews()) {
        for (const given of [view, Object.setPrototypeOf(view, prototype)]) {
          assertEquals([...viewBytes(given, "the data")], [1, 2, 3, 4, 5, 6, 7, 8]);
          assertThrows(() => viewMemory(given, "into"), TypeError, "Cannot use into: expected a Uint8Array");
        }
      }
    });
  }
});
