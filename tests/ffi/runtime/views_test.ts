import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { runInNewContext } from "node:vm";
import { isUint8Array } from "../../../ffi/runtime/views.ts";

describe("isUint8Array", () => {
  it("takes arrays of this realm and another, Buffers, and those of subclasses", () => {
    class Sub extends Uint8Array {}
    const unrelated = new Uint8Array(1);
    Object.setPrototypeOf(unrelated, null);
    for (const array of [new Uint8Array(1), Buffer.alloc(1), new Sub(1), unrelated]) assert(isUint8Array(array));
    assert(isUint8Array(runInNewContext("new Uint8Array(1)")));
    assert(isUint8Array(new Uint8Array(new SharedArrayBuffer(1))));
  });

  it("takes nothing else, whatever it says of itself", () => {
    const claims = [
      { [Symbol.toStringTag]: "Uint8Array", byteLength: 8, length: 8 },
      Object.create(Uint8Array.prototype),
      new Proxy(new Uint8Array(8), {}),
      new Uint8ClampedArray(8),
      new Int8Array(8),
      new DataView(new ArrayBuffer(8)),
      ...[Uint8Array, Buffer].flatMap(({ prototype }) =>
        [new DataView(new ArrayBuffer(8)), new Int8Array(8), new Uint8ClampedArray(8), new Float64Array(1)]
          .map((view) => Object.setPrototypeOf(view, prototype))
      ),
      new ArrayBuffer(8),
      "Uint8Array",
      8,
      null,
      undefined,
    ];
    assertEquals(claims.filter((claim) => isUint8Array(claim)), []);
  });

  it("runs no code of the value", () => {
    const fail = () => {
      throw new Error("asked");
    };
    const hostile = new Uint8Array(8);
    for (const name of ["length", "byteLength", "constructor", Symbol.toStringTag, "__proto__"]) {
      Object.defineProperty(hostile, name, { get: fail });
    }
    Object.setPrototypeOf(hostile, new Proxy(Uint8Array.prototype, { get: fail, getPrototypeOf: fail }));
    assert(isUint8Array(hostile));
  });
});
