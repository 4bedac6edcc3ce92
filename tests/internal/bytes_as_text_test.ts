import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { toBase64, toBase64Url, toHex } from "../../internal/bytes.ts";

describe("bytes as text", () => {
  it("are the same where an array of bytes cannot write itself, as on Node 24 and older", () => {
    const bytes = new Uint8Array([0, 251, 255, 0, 1, 2, 0]).subarray(1, 6);
    const texts = () => [toHex(bytes), toBase64(bytes), toBase64Url(bytes)];
    const prototype: Partial<Uint8Array> = Uint8Array.prototype;
    const { toBase64: ownBase64, toHex: ownHex } = prototype;
    assertEquals(texts(), ["fbff000102", "+/8AAQI=", "-_8AAQI"]);
    Object.assign(prototype, { toBase64: undefined, toHex: undefined });
    try {
      assertEquals(texts(), ["fbff000102", "+/8AAQI=", "-_8AAQI"]);
    } finally {
      Object.defineProperty(prototype, "toBase64", { value: ownBase64, configurable: true, writable: true });
      Object.defineProperty(prototype, "toHex", { value: ownHex, configurable: true, writable: true });
    }
  });
});
