/** The Huffman code of HPACK (RFC 7541 §5.2 and Appendix B). */
import { ConnectionFault, ErrorCode } from "./errors.ts";

/**
 * Bits of the code of every byte, and of the end of a string. The code is canonical: codes of one length count up in the
 * order of their symbols, so that the lengths are all there is to know.
 */
// deno-fmt-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28,
  28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23,
  23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21,
  26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27,
  27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const END_OF_STRING = 256;

const codes: Uint32Array = canonicalCodes();

/** The codes of one length begin at twice what follows those of the length before. */
function canonicalCodes(): Uint32Array {
  const next = new Uint32Array(32);
  for (const bits of LENGTHS) next[bits + 1]!++;
  for (let bits = 1; bits < next.length; bits++) next[bits] = 2 * (next[bits]! + next[bits - 1]!);
  return Uint32Array.from(LENGTHS, (bits) => next[bits]!++);
}

/** Bytes a text takes in the code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += LENGTHS[text.charCodeAt(index)]!;
  return (bits + 7) >> 3;
}

/** Writes a text in the code at an offset; the offset behind it. */
export function writeHuffman(text: string, bytes: Uint8Array, offset: number): number {
  let at = offset;
  let pending = 0;
  let bits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index);
    let left = LENGTHS[symbol]!;
    const code = codes[symbol]!;
    // At most seven bits are pending, so that those of a whole byte always fit.
    while (left > 0) {
      const taken = Math.min(left, 8 - bits);
      left -= taken;
      pending = pending << taken | (code >>> left & (1 << taken) - 1);
      bits += taken;
      if (bits < 8) continue;
      bytes[at++] = pending;
      pending = bits = 0;
    }
  }
  if (bits > 0) bytes[at++] = pending << 8 - bits | (1 << 8 - bits) - 1;
  return at;
}

/** What four bits do in a state of the decoder: the next state, the byte that is complete if any, and whether it may end. */
const FAILED = 1 << 20;
const HAS_SYMBOL = 1 << 18;
const MAY_END = 1 << 19;
let steps: Uint32Array | null = null;

/** A tree of the code, and from it what every state does with every half byte; made at first use. */
function decodingSteps(): Uint32Array {
  const children: [number, number][] = [[-1, -1]];
  const symbols: number[] = [-1];
  for (const [symbol, length] of LENGTHS.entries()) {
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = codes[symbol]! >>> bit & 1;
      if (children[node]![side] === -1) {
        children[node]![side] = children.push([-1, -1]) - 1;
        symbols.push(-1);
      }
      node = children[node]![side]!;
    }
    symbols[node] = symbol;
  }
  const mayEnd = paddingNodes(children);
  const inner = children.flatMap((_, node) => symbols[node] === -1 ? [node] : []);
  const stateOf = new Map(inner.map((node, state) => [node, state]));
  const table = new Uint32Array(inner.length * 16);
  for (const [state, start] of inner.entries()) {
    for (let half = 0; half < 16; half++) {
      let node = start;
      let flags = 0;
      for (let bit = 3; bit >= 0; bit--) {
        node = children[node]![half >> bit & 1]!;
        const symbol = symbols[node]!;
        if (symbol === END_OF_STRING) flags |= FAILED;
        if (symbol === -1) continue;
        // No code has fewer than five bits: one symbol at most is complete.
        flags |= HAS_SYMBOL | (symbol & 0xff) << 10;
        node = 0;
      }
      table[state * 16 + half] = flags | (mayEnd.has(node) ? MAY_END : 0) | (stateOf.get(node) ?? 0);
    }
  }
  return table;
}

/** A string may end where fewer than eight bits, all of them ones, have been read since the last symbol. */
function paddingNodes(children: readonly [number, number][]): Set<number> {
  const nodes = new Set<number>();
  for (let node = 0, bits = 0; bits < 8; bits++, node = children[node]![1]) nodes.add(node);
  return nodes;
}

/**
 * Reads the code into `into`, which has room for eight fifths of it; how many bytes it stands for.
 *
 * @throws {ConnectionFault} COMPRESSION_ERROR for what is no code or is padded wrongly.
 */
export function readHuffman(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  const table = steps ??= decodingSteps();
  let state = 0;
  let length = 0;
  let last = MAY_END;
  for (let offset = start; offset < end; offset++) {
    const byte = bytes[offset]!;
    let step = table[state * 16 + (byte >> 4)]!;
    let failed = step & FAILED;
    if ((step & HAS_SYMBOL) !== 0) into[length++] = step >> 10;
    step = table[(step & 0x3ff) * 16 + (byte & 15)]!;
    failed |= step & FAILED;
    if ((step & HAS_SYMBOL) !== 0) into[length++] = step >> 10;
    if (failed !== 0) throw corrupt("has the end of a string within it");
    state = step & 0x3ff;
    last = step;
  }
  if ((last & MAY_END) === 0) throw corrupt("is padded wrongly");
  return length;
}

function corrupt(why: string): ConnectionFault {
  return new ConnectionFault(ErrorCode.COMPRESSION_ERROR, `a Huffman code in a header section ${why}`);
}
