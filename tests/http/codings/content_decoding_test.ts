import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { getBuiltinModule } from "node:process";
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import {
  type ContentCoding,
  ContentDecodingError,
  knownCodings,
  parseContentCodings,
} from "../../../http/codings/codings.ts";
import { decodeContent, decodeSimple } from "../../../http/codings/decode.ts";
import { SeededRandom } from "../../_support/random.ts";

const TEXT = new TextEncoder().encode("The quick brown fox jumps over the lazy dog. ".repeat(200));

const FORMATS: { name: string; coding: ContentCoding; encode(data: Uint8Array): Uint8Array }[] = [
  { name: "gzip", coding: "gzip", encode: (data) => copy(gzipSync(data)) },
  { name: "deflate (zlib)", coding: "deflate", encode: (data) => copy(deflateSync(data)) },
  { name: "deflate (raw)", coding: "deflate", encode: (data) => copy(deflateRawSync(data)) },
  { name: "br", coding: "br", encode: (data) => copy(brotliCompressSync(data)) },
  { name: "zstd", coding: "zstd", encode: (data) => copy(zstdCompressSync(data)) },
];

function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function join(...parts: (Uint8Array | string)[]): Uint8Array {
  return copy(Buffer.concat(parts.map((part) => typeof part === "string" ? Buffer.from(part, "latin1") : part)));
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += size) yield bytes.slice(offset, offset + size);
}

interface Decoded {
  bytes: Uint8Array;
  passedThrough: boolean;
}

async function decode(
  bytes: Uint8Array,
  codings: ContentCoding[],
  options: { size?: number; maxSize?: number } = {},
): Promise<Decoded> {
  let passedThrough = false;
  const parts: Uint8Array[] = [];
  const source = inPieces(bytes, options.size ?? 1000);
  const settings = { maxSize: options.maxSize ?? Infinity, onPassThrough: () => passedThrough = true };
  for await (const chunk of decodeContent(source, codings, settings)) parts.push(chunk);
  return { bytes: join(...parts), passedThrough };
}

async function failure(bytes: Uint8Array, codings: ContentCoding[], maxSize = Infinity): Promise<string> {
  const error = await assertRejects(() => decode(bytes, codings, { maxSize }), ContentDecodingError);
  assertEquals((error as ContentDecodingError).status, 8);
  return (error as ContentDecodingError).code;
}

describe("decoding of contents", () => {
  for (const { name, coding, encode } of FORMATS) {
    const encoded = encode(TEXT);

    it(`undoes ${name}, however the bytes are cut`, async () => {
      for (const size of [1, 2, 7, 100, 100_000]) {
        assertEquals(await decode(encoded, [coding], { size }), { bytes: TEXT, passedThrough: false });
      }
    });

    it(`ignores what follows the end of ${name}`, async () => {
      for (const size of [1, 10, 100_000]) {
        assertEquals((await decode(join(encoded, "junk after the end"), [coding], { size })).bytes, TEXT);
        assertEquals((await decode(join(encoded, "\0\0\0\0\0"), [coding], { size })).bytes, TEXT);
      }
    });

    it(`takes no bytes at all for an empty body in ${name}`, async () => {
      assertEquals((await decode(new Uint8Array(0), [coding])).bytes.byteLength, 0);
    });

    it(`reports every truncation of ${name}`, async () => {
      const small = encode(TEXT.subarray(0, 40));
      for (let length = 1; length < small.byteLength; length++) {
        assertEquals(await failure(small.subarray(0, length), [coding]), "ERR_CONTENT_TRUNCATED", `${length} bytes`);
      }
    });

    it(`passes on what was never ${name}`, async () => {
      const plain = new TextEncoder().encode("<html>This page was never encoded.</html>");
      for (const size of [1, 1000]) {
        assertEquals(await decode(plain, [coding], { size }), { bytes: plain, passedThrough: true });
      }
    });

    it(`stops ${name} at the limit`, async () => {
      const bomb = encode(new Uint8Array(5_000_000));
      assertEquals(await failure(bomb, [coding], 4_999_999), "ERR_CONTENT_TOO_LARGE");
      assertEquals((await decode(bomb, [coding], { maxSize: 5_000_000 })).bytes.byteLength, 5_000_000);
      assertEquals(await failure(encode(TEXT), [coding], 0), "ERR_CONTENT_TOO_LARGE");
    });

    it(`survives damaged ${name}`, async () => {
      const random = new SeededRandom(4711);
      const data = encode(random.bytes(300));
      for (let round = 0; round < 150; round++) {
        const damaged = random.mutate(data);
        try {
          await decode(damaged, [coding], { size: random.integer(1, 400), maxSize: 1_000_000 });
        } catch (error) {
          assert(error instanceof ContentDecodingError, String(error));
        }
      }
    });
  }

  it("reports damage in the middle", async () => {
    const random = new SeededRandom(1);
    const data = random.bytes(20_000);
    for (const { coding, encode } of FORMATS.slice(0, 2)) {
      const damaged = encode(data);
      damaged[damaged.byteLength >> 1]! ^= 0xff;
      assertEquals(await failure(damaged, [coding]), "ERR_CONTENT_CORRUPT", coding);
    }
    const checked = copy(zstdCompressSync(data, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }));
    checked[checked.byteLength >> 1]! ^= 0xff;
    assertEquals(await failure(checked, ["zstd"]), "ERR_CONTENT_CORRUPT");
  });

  it("gives what came before the damage first", async () => {
    const data = new SeededRandom(2).bytes(400_000);
    const damaged = copy(gzipSync(data)).subarray(0, 300_000);
    let received = 0;
    await assertRejects(async () => {
      for await (const chunk of decodeContent(inPieces(damaged, 10_000), ["gzip"])) received += chunk.byteLength;
    }, ContentDecodingError);
    assert(received > 250_000, String(received));
  });

  it("undoes layers in reverse order", async () => {
    const layered = copy(zstdCompressSync(brotliCompressSync(deflateSync(gzipSync(TEXT)))));
    assertEquals((await decode(layered, ["gzip", "deflate", "br", "zstd"], { size: 3 })).bytes, TEXT);
    assertEquals(await failure(layered, ["gzip", "gzip", "gzip", "gzip", "gzip", "gzip"]), "ERR_CONTENT_LAYERS");
  });

  it("limits every layer, not the result alone", async () => {
    // Harmless inside, a bomb in the middle: the first layer expands to a gzip file with a name of 5 MB.
    const padded = join("\x1f\x8b\x08\x08\0\0\0\0\0\x03", "n".repeat(5_000_000), "\0", gzipSync("x").subarray(10));
    assertEquals((await decode(copy(gzipSync(padded)), ["gzip", "gzip"])).bytes.byteLength, 1);
    assertEquals(await failure(copy(gzipSync(padded)), ["gzip", "gzip"], 1_000_000), "ERR_CONTENT_TOO_LARGE");
  });

  it("forgives a coding that is named twice and was applied once", async () => {
    assertEquals(await decode(copy(gzipSync(TEXT)), ["gzip", "gzip"]), { bytes: TEXT, passedThrough: false });
  });

  it("reads every member of a gzip file and every frame of a zstd file", async () => {
    const skippable = join("\x50\x2a\x4d\x18\x03\0\0\0abc");
    for (const size of [1, 9, 1000]) {
      const members = await decode(join(gzipSync("one "), gzipSync("two")), ["gzip"], { size });
      assertEquals(new TextDecoder().decode(members.bytes), "one two");
      const frames = join(skippable, zstdCompressSync("one "), skippable, zstdCompressSync("two"));
      assertEquals(new TextDecoder().decode((await decode(frames, ["zstd"], { size })).bytes), "one two");
    }
  });

  it("reads a gzip header with everything in it", async () => {
    const plain = gzipSync(TEXT);
    const header = join("\x1f\x8b\x08\x1e\0\0\0\0\0\x03", "\x05\0extra", "name\0", "comment\0", "\x12\x34");
    for (const size of [1, 1000]) {
      assertEquals((await decode(join(header, plain.subarray(10)), ["gzip"], { size })).bytes, TEXT);
    }
  });

  it("checks the checksum and the length of gzip", async () => {
    for (const at of [8, 4]) {
      const damaged = copy(gzipSync(TEXT));
      damaged[damaged.byteLength - at]! ^= 1;
      assertEquals(await failure(damaged, ["gzip"]), "ERR_CONTENT_CORRUPT");
    }
  });

  it("refuses zstd windows beyond 8 MiB before it allocates them", async () => {
    const frame = join("\x28\xb5\x2f\xfd\x00", "\xa8", "\x01\0\0"); // window descriptor of 2 GiB
    const error = await assertRejects(() => decode(frame, ["zstd"]), ContentDecodingError);
    assert((error as Error).message.includes("RFC 9659"), (error as Error).message);
  });

  it("reads no further than it is asked to, and closes its source when it is left", async () => {
    let pulled = 0;
    let closed = false;
    const encoded = copy(gzipSync(new SeededRandom(3).bytes(3_000_000), { level: 0 }));
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for await (const piece of inPieces(encoded, 10_000)) {
          pulled++;
          yield piece;
        }
      } finally {
        closed = true;
      }
    }
    for await (const _chunk of decodeContent(source(), ["gzip"])) break;
    assert(pulled < 10, `${pulled} pieces pulled`);
    assert(closed);
  });

  it("gives up an endless rest", async () => {
    let pulled = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield copy(gzipSync(TEXT));
      while (true) {
        pulled++;
        yield new Uint8Array(10_000);
      }
    }
    let size = 0;
    for await (const chunk of decodeContent(source(), ["gzip"])) size += chunk.byteLength;
    assertEquals(size, TEXT.byteLength);
    assert(pulled < 10);
  });

  it("decodes simple bodies at once with the same result, and leaves the others to the stream", () => {
    assertEquals(decodeSimple(copy(gzipSync(TEXT)), ["gzip"], Infinity), TEXT);
    assertEquals(decodeSimple(copy(deflateSync(TEXT)), ["deflate"], 1e6), TEXT);
    assertEquals(decodeSimple(copy(deflateRawSync(TEXT)), ["deflate"], 1e6), undefined);
    assertEquals(decodeSimple(join(gzipSync(TEXT), "junk"), ["gzip"], 1e6), undefined);
    assertEquals(decodeSimple(copy(gzipSync(TEXT)), ["gzip"], 10), undefined);
    assertEquals(decodeSimple(copy(gzipSync(TEXT)), ["gzip", "gzip"], 1e6), undefined);
    assertEquals(decodeSimple(new Uint8Array(0), ["gzip"], 1e6), undefined);
  });
});

describe("Content-Encoding", () => {
  it("has the codings that the runtime's zlib can undo", () => {
    const { createZstdDecompress } = getBuiltinModule("node:zlib") as { createZstdDecompress?: unknown };
    const modern = typeof createZstdDecompress === "function" ? ["zstd"] : [];
    assertEquals<readonly string[]>(knownCodings, ["gzip", "deflate", "br", ...modern]);
  });

  it("names codings in any case, the old one of gzip too", () => {
    assertEquals(parseContentCodings("X-GZIP, deflate ,BR,, identity,zstd"), ["gzip", "deflate", "br", "zstd"]);
    assertEquals(parseContentCodings("identity"), []);
    assertEquals(parseContentCodings(""), []);
  });

  it("means nothing when one coding is unknown", () => {
    for (const value of ["gzip, compress", "toString", "aws-chunked", "gzip;q=1"]) {
      assertEquals(parseContentCodings(value), undefined, value);
    }
  });
});
