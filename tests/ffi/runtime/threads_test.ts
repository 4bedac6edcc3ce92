import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "node:test";
import { startThread } from "../../../ffi/runtime/threads.ts";

describe("startThread", () => {
  it("gives a thread its data and all that it is sent, in this order, until it is ended", async () => {
    const heard = new Int32Array(new SharedArrayBuffer(4));
    const main = `(port, { heard }) => port.on("message", (digit) => {
      heard[0] = heard[0] * 10 + digit;
      port.postMessage(0);
    })`;
    let answers = 0;
    const all = Promise.withResolvers<void>();
    const thread = startThread(main, { heard }, {
      message: () => ++answers === 3 && all.resolve(),
      error: all.reject,
    });
    for (const digit of [1, 2, 3]) thread.postMessage(digit);
    await all.promise;
    await thread.terminate();
    assertEquals([heard[0], answers], [123, 3]);
  });

  it("tells of a thread that dies, which can be ended all the same", async () => {
    const died = Promise.withResolvers<Error>();
    const thread = startThread(
      `(port) => port.on("message", () => { throw new Error("as it was told"); })`,
      null,
      { message: () => {}, error: died.resolve },
    );
    thread.postMessage(0);
    assertMatch((await died.promise).message, /as it was told/);
    await thread.terminate();
  });

  it("takes what the runtime has, whatever a program has put into its place", async () => {
    const { Blob, URL, Worker } = globalThis;
    class Other {
      constructor() {
        throw new Error("not the runtime's");
      }
    }
    const heard = Promise.withResolvers<void>();
    Object.assign(globalThis, { Blob: Other, URL: Other, Worker: Other });
    try {
      const thread = startThread("(port) => port.postMessage(0)", null, {
        message: heard.resolve,
        error: heard.reject,
      });
      await heard.promise;
      await thread.terminate();
    } finally {
      Object.assign(globalThis, { Blob, URL, Worker });
    }
  });

  it("leaves nothing behind of a thread that is ended before it has sent anything", async () => {
    const { createObjectURL, revokeObjectURL } = URL;
    const kept = new Set<string>();
    URL.createObjectURL = (blob) => {
      const url = createObjectURL.call(URL, blob);
      kept.add(url);
      return url;
    };
    URL.revokeObjectURL = (url) => {
      kept.delete(url);
      revokeObjectURL.call(URL, url);
    };
    try {
      const thread = startThread("() => {}", null, { message: () => {}, error: () => {} });
      await thread.terminate();
      assertEquals([...kept], []);
    } finally {
      Object.assign(URL, { createObjectURL, revokeObjectURL });
    }
  });
});
