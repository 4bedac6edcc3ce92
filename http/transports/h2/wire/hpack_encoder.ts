/** Writing header sections (RFC 7541 §3 and §6). */
import { Buffer } from "node:buffer";
import { huffmanLength, writeHuffman } from "./hpack_huffman.ts";
import { DEFAULT_TABLE_SIZE, DynamicTable, type Field, sizeOf, staticTable } from "./hpack_table.ts";

/** How a field that stands in no table goes out. */
const INDEXED = 0x40;
const PLAIN = 0x00;
const NEVER_INDEXED = 0x10;

/** Secrets, which nobody on the way may put into a table either (RFC 7541 §7.1.3). */
const secret: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie"]);
/** Fields whose values are rarely the same again. */
const varying: ReadonlySet<string> = new Set([
  ":path",
  "content-length",
  "date",
  "if-modified-since",
  "if-none-match",
  "range",
  "referer",
  "signature",
  "signature-input",
  "content-digest",
  "dpop",
]);

const staticNames = new Map<string, number>();
const staticFields = new Map<string, number>();
for (const [index, field] of staticTable.entries()) {
  if (!staticNames.has(field[0])) staticNames.set(field[0], index + 1);
  staticFields.set(keyOf(field), index + 1);
}

function keyOf(field: Field): string {
  return `${field[0]}\n${field[1]}`;
}

/** The encoder of one connection. */
export class HpackEncoder {
  readonly #table = new DynamicTable();
  /** Numbers of the entries by field. */
  readonly #numbers = new Map<string, number>();
  /** Keys of fields that come again, as those do that a session gives all its messages: making them takes the longest. */
  readonly #keys = new WeakMap<Field, string>();
  /**
   * Table size updates to send in front of the next section (RFC 7541 §4.2): the smallest size since the last, and the
   * present.
   */
  #updates: number[] = [];
  #bytes: Buffer = Buffer.allocUnsafe(1024);
  #offset = 0;

  constructor() {
    this.#table.onEvicted = (field, number) => {
      const key = keyOf(field);
      if (this.#numbers.get(key) === number) this.#numbers.delete(key);
    };
  }

  /** The peer keeps no more than so many bytes (SETTINGS_HEADER_TABLE_SIZE); we need no more than the usual. */
  limitTable(bytes: number): void {
    const limit = Math.min(bytes, DEFAULT_TABLE_SIZE);
    if (limit === this.#table.limit) return;
    this.#table.resize(limit);
    const smallest = Math.min(limit, ...this.#updates);
    this.#updates = smallest === limit ? [limit] : [smallest, limit];
  }

  /** A header section; good until the next one is made. */
  encode(fields: Iterable<Field>): Uint8Array {
    this.#offset = 0;
    for (const size of this.#updates) this.#writeInteger(0x20, 5, size);
    this.#updates = [];
    for (const field of fields) this.#writeField(field);
    return this.#bytes.subarray(0, this.#offset);
  }

  #writeField(field: Field): void {
    const [name, value] = field;
    const isSecret = secret.has(name);
    const key = isSecret ? "" : this.#keyOf(field);
    const known = isSecret ? undefined : staticFields.get(key) ?? this.#indexOf(key);
    if (known !== undefined) return this.#writeInteger(0x80, 7, known);
    const isKept = !isSecret && !varying.has(name) && sizeOf(field) <= this.#table.limit / 2;
    const form = isSecret ? NEVER_INDEXED : isKept ? INDEXED : PLAIN;
    const nameIndex = staticNames.get(name) ?? 0;
    this.#writeInteger(form, isKept ? 6 : 4, nameIndex);
    if (nameIndex === 0) this.#writeText(name);
    this.#writeText(value);
    if (!isKept) return;
    this.#numbers.set(key, this.#table.added);
    this.#table.add(field);
  }

  #keyOf(field: Field): string {
    if (varying.has(field[0])) return keyOf(field);
    let key = this.#keys.get(field);
    if (key === undefined) this.#keys.set(field, key = keyOf(field));
    return key;
  }

  #indexOf(key: string): number | undefined {
    const number = this.#numbers.get(key);
    return number === undefined ? undefined : staticTable.length + this.#table.added - number;
  }

  #writeInteger(form: number, prefix: number, value: number): void {
    this.#reserve(6);
    const most = (1 << prefix) - 1;
    if (value < most) {
      this.#bytes[this.#offset++] = form | value;
      return;
    }
    this.#bytes[this.#offset++] = form | most;
    let rest = value - most;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#offset++] = rest | 0x80;
    this.#bytes[this.#offset++] = rest;
  }

  #writeText(text: string): void {
    const coded = huffmanLength(text);
    const isCoded = coded < text.length;
    this.#writeInteger(isCoded ? 0x80 : 0, 7, isCoded ? coded : text.length);
    this.#reserve(text.length);
    if (isCoded) this.#offset = writeHuffman(text, this.#bytes, this.#offset);
    else this.#offset += this.#bytes.write(text, this.#offset, "latin1");
  }

  #reserve(length: number): void {
    const needed = this.#offset + length;
    if (needed <= this.#bytes.byteLength) return;
    const grown = Buffer.allocUnsafe(needed * 2);
    grown.set(this.#bytes.subarray(0, this.#offset));
    this.#bytes = grown;
  }
}
