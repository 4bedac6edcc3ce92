/** What servers send by HTTP/2: frames, and header sections in HPACK. */
import { ConnectionFault } from "../../http/transports/h2/wire/errors.ts";
import { HpackDecoder, type Section } from "../../http/transports/h2/wire/hpack_decoder.ts";
import { HpackEncoder } from "../../http/transports/h2/wire/hpack_encoder.ts";
import { sizeOf } from "../../http/transports/h2/wire/hpack_table.ts";
import { type Conversation, conversation, converse, fieldsOf } from "../../tests/_support/http2_conversation.ts";
import { type FuzzTarget, same } from "./target.ts";

/** Frames of a hostile server: every exchange ends once, as announced or with an error that has a name, at a bounded cost. */
export function frames(): FuzzTarget<Conversation> {
  return { input: conversation, tryOut: converse };
}

/** A small table's worth of header sections. */
interface Blocks {
  readonly blocks: readonly Uint8Array[];
  readonly maxBytes: number;
}

/** Header sections in HPACK, damaged: refused as such, or read to fields within the limits that can be written again. */
export function hpack(): FuzzTarget<Blocks> {
  return {
    input(random) {
      const encoder = new HpackEncoder();
      const blocks = Array.from({ length: random.integer(1, 6) }, () => {
        if (random.next() < 0.2) return random.bytes(random.integer(0, 60));
        const block = encoder.encode(fieldsOf(random));
        return random.next() < 0.3 ? random.mutate(block) : Uint8Array.from(block);
      });
      return { blocks, maxBytes: random.pick([0, 100, 65_536]) };
    },
    tryOut({ blocks, maxBytes }) {
      const read = (): readonly Section[] => {
        const decoder = new HpackDecoder({ maxBytes, maxFields: 100 });
        const sections: Section[] = [];
        try {
          for (const block of blocks) sections.push(decoder.decode(block));
        } catch (error) {
          if (!(error instanceof ConnectionFault)) throw error;
        }
        return sections;
      };
      const sections = read();
      same("the sections, read again", sections, read());
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder({ maxBytes: 1 << 20, maxFields: 1000 });
      for (const { fields } of sections) {
        const size = fields.reduce((sum, field) => sum + sizeOf(field), 0);
        if (size > maxBytes) throw new Error(`fields of ${size} bytes were kept where ${maxBytes} are allowed`);
        same("the fields, written and read", fields, decoder.decode(encoder.encode(fields)).fields);
      }
    },
  };
}
