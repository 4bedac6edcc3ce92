import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { crc32, crc32ByTable } from "../../../http/codings/checksum.ts";

describe("The checksum of gzip", () => {
  it("is the same by table as by the runtime, in one piece and in two", () => {
    const text = new TextEncoder().encode("123456789");
    assertEquals(crc32ByTable(text, 0), 0xcbf43926);
    assertEquals(crc32(text, 0) >>> 0, 0xcbf43926);
    const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i * 31 & 0xff);
    const first = crc32ByTable(bytes.subarray(0, 777), 0);
    assertEquals(crc32ByTable(bytes.subarray(777), first), crc32(bytes, 0) >>> 0);
  });
});
