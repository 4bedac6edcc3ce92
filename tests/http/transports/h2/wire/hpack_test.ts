import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { ConnectionFault, ErrorCode } from "../../../../../http/transports/h2/wire/errors.ts";
import { HpackDecoder } from "../../../../../http/transports/h2/wire/hpack_decoder.ts";
import { HpackEncoder } from "../../../../../http/transports/h2/wire/hpack_encoder.ts";
import { DynamicTable, type Field, staticTable } from "../../../../../http/transports/h2/wire/hpack_table.ts";
import { toHex } from "../../../../../internal/bytes.ts";
import { pseudoRandom } from "../../../../_support/pseudo_random.ts";

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.replace(/\s/g, "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function decoder(maxBytes = 65536): HpackDecoder {
  return new HpackDecoder({ maxBytes, maxFields: 1000 });
}

function faultOf(decode: () => unknown): number {
  return assertThrows(decode, ConnectionFault).errorCode;
}

const first: Field[] = [[":method", "GET"], [":scheme", "http"], [":path", "/"], [":authority", "www.example.com"]];
const second: Field[] = [...first, ["cache-control", "no-cache"]];
const third: Field[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];
const date = "Mon, 21 Oct 2013 20:13:21 GMT";
const found: Field[] = [
  [":status", "302"],
  ["cache-control", "private"],
  ["date", date],
  ["location", "https://www.example.com"],
];
const later: Field[] = [[":status", "307"], ...found.slice(1)];
const cookie: Field[] = [
  [":status", "200"],
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
  ["location", "https://www.example.com"],
  ["content-encoding", "gzip"],
  ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
];

describe("HPACK, the examples of RFC 7541 appendix C", () => {
  const sequences: Record<string, { tableSize?: number; sections: [hex: string, fields: Field[]][] }> = {
    "C.2 literals and an index": {
      sections: [
        ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", [["custom-key", "custom-header"]]],
        ["040c 2f73 616d 706c 652f 7061 7468", [[":path", "/sample/path"]]],
        ["1008 7061 7373 776f 7264 0673 6563 7265 74", [["password", "secret"]]],
        ["82", [[":method", "GET"]]],
      ],
    },
    "C.3 requests": {
      sections: [
        ["8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", first],
        ["8286 84be 5808 6e6f 2d63 6163 6865", second],
        ["8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", third],
      ],
    },
    "C.4 requests in the Huffman code": {
      sections: [
        ["8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", first],
        ["8286 84be 5886 a8eb 1064 9cbf", second],
        ["8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", third],
      ],
    },
    "C.5 responses whose entries are evicted": {
      tableSize: 256,
      sections: [
        [
          "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
          found,
        ],
        ["4803 3330 37c1 c0bf", later],
        [
          "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
          cookie,
        ],
      ],
    },
    "C.6 the same in the Huffman code": {
      tableSize: 256,
      sections: [
        [
          "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
          found,
        ],
        ["4883 640e ffc1 c0bf", later],
        [
          "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
          cookie,
        ],
      ],
    },
  };

  for (const [name, { sections, tableSize }] of Object.entries(sequences)) {
    it(`reads ${name}`, () => {
      const reader = decoder();
      // The examples have agreed upon a smaller table beforehand: 001xxxxx with 5 bits of prefix.
      if (tableSize !== undefined) reader.decode(bytes("3fe101"));
      for (const [hex, fields] of sections) assertEquals(reader.decode(bytes(hex)).fields, fields);
    });
  }

  it("writes requests as C.4 does", () => {
    const encoder = new HpackEncoder();
    assertEquals(toHex(encoder.encode(first)), toHex(bytes("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")));
    assertEquals(toHex(encoder.encode(second)), toHex(bytes("8286 84be 5886 a8eb 1064 9cbf")));
    assertEquals(
      toHex(encoder.encode(third)),
      toHex(bytes("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")),
    );
  });
});

describe("HPACK, both ends together", () => {
  it("reads what it writes, whatever it is and whatever the table holds", () => {
    const random = pseudoRandom(7541);
    const encoder = new HpackEncoder();
    const reader = decoder();
    const text = (most: number) => String.fromCharCode(...Array.from({ length: random(most) }, () => random(256)));
    for (let round = 0; round < 400; round++) {
      if (round % 50 === 49) encoder.limitTable([0, 100, 4096, 1000][round % 4]!);
      const fields = Array.from({ length: 1 + random(12) }, (): Field => {
        const known = staticTable[random(staticTable.length)]!;
        return random(2) === 0 ? [known[0], random(2) === 0 ? known[1] : text(40)] : [`x-${text(5)}`, text(300)];
      });
      assertEquals(reader.decode(encoder.encode(fields).slice()).fields, fields);
    }
  });

  it("sends a field that repeats as one byte, and a secret never by index", () => {
    const encoder = new HpackEncoder();
    const fields: Field[] = [["user-agent", "some/1.0"], ["authorization", "Basic YTpi"], ["cookie", "a=b"]];
    const once = encoder.encode(fields).byteLength;
    const again = encoder.encode(fields).slice();
    assert(again.byteLength < once);
    assertEquals(again[0], 0x80 | 62);
    // 0001xxxx: literal, never indexed.
    assertEquals(again[1]! >> 4, 1);
    assertEquals(decoder().decode(encoder.encode([["cookie", "a=b"]])).fields, [["cookie", "a=b"]]);
  });

  it("tells the peer of a table that was made smaller, and of the smallest size in between", () => {
    const encoder = new HpackEncoder();
    const reader = decoder();
    const field: Field = ["x-kept", "value"];
    reader.decode(encoder.encode([field]).slice());
    encoder.limitTable(0);
    encoder.limitTable(4096);
    const section = encoder.encode([field]).slice();
    assertEquals(toHex(section.subarray(0, 4)), "203fe11f");
    assertEquals(reader.decode(section).fields, [field]);
  });

  it("drops the oldest entries for new ones, and all for one that is too large", () => {
    const table = new DynamicTable();
    table.resize(100);
    const gone: string[] = [];
    table.onEvicted = ([name]) => gone.push(name);
    for (const name of ["a", "b", "c", "d"]) table.add([name, ""]);
    assertEquals([gone, table.count, table.at(0)], [["a"], 3, ["d", ""]]);
    table.add(["large", "x".repeat(100)]);
    assertEquals([table.count, table.at(0)], [0, undefined]);
  });
});

describe("HPACK from a hostile peer", () => {
  for (
    const [what, hex] of Object.entries({
      "the index 0": "80",
      "an index beyond the table": "ff00",
      "a number without end": "ffffffffffffff",
      "a number that ends with the section": "ff",
      "a text longer than the section": "4001",
      "a section that ends within a field": "40",
      "padding of more than seven bits": "0081ff00",
      "padding with zeros": "00 01 61 81 00",
      "the end of a string within it": "00 01 61 84 ff ff ff ff",
      "a larger table than was allowed": "3fe220",
      "a size in the middle of a section": "823f e101".replace(/ /g, ""),
      "three sizes": "20202082",
    })
  ) {
    it(`refuses ${what}`, () => assertEquals(faultOf(() => decoder().decode(bytes(hex))), ErrorCode.COMPRESSION_ERROR));
  }

  it("keeps no more fields than are allowed, and goes on reading", () => {
    const reader = decoder(100);
    const { fields, isTooLarge } = reader.decode(new HpackEncoder().encode([["x-a", "1"], ["x-b", "2"], ["x-c", "3"]]));
    assertEquals([fields, isTooLarge], [[["x-a", "1"], ["x-b", "2"]], true]);
    assertEquals(reader.decode(bytes("be")).fields, [["x-c", "3"]]);
  });

  it("ends at a section that stands for far more than its own length", () => {
    const reader = decoder(10_000);
    reader.decode(new HpackEncoder().encode([["x-bomb", "x".repeat(1900)]]));
    assertEquals(faultOf(() => reader.decode(new Uint8Array(10_000).fill(0xbe))), ErrorCode.ENHANCE_YOUR_CALM);
  });
});
