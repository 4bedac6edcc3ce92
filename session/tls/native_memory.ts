/** Memory that GnuTLS is handed: structures, texts and what it answers through pointers. */
import { Block } from "../../ffi/memory/block.ts";
import { nativeAbi, nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { type Gnutls, GNUTLS_SIZES } from "../../ffi/tables/gnutls.ts";

const encoder = new TextEncoder();

/** Memory that stays where it is as long as it is referred to. */
export function memory(size: number): Block {
  return new Block(nativeRuntime(), nativeAbi(), size);
}

/** Puts a text with its final NUL into a block; its address. */
export function putText(block: Block, text: string): bigint {
  return block.address(block.putBytes(encoder.encode(`${text}\0`)));
}

/** Puts gnutls_datum_t { data, size } of each of these bytes into a block; the address of the first. */
export function putData(block: Block, list: readonly Uint8Array[]): bigint {
  const first = block.alloc(GNUTLS_SIZES.datum * Math.max(1, list.length));
  list.forEach((bytes, index) => {
    const at = first + index * GNUTLS_SIZES.datum;
    block.setPointer(at, block.address(block.putBytes(bytes)));
    block.setPointer(at + 8, BigInt(bytes.length));
  });
  return block.address(first);
}

/** The bytes a gnutls_datum_t at an address tells of, copied. */
export function readDatum(address: bigint): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(new ArrayBuffer(GNUTLS_SIZES.datum));
  nativeRuntime().read(address, head);
  const view = new DataView(head.buffer);
  const bytes = new Uint8Array(new ArrayBuffer(view.getUint32(8, true)));
  if (bytes.length > 0) nativeRuntime().read(view.getBigUint64(0, true), bytes);
  return bytes;
}

/** What a function gives through its first parameter, a pointer to a pointer; `failed` makes the error. */
export function made(
  gnutls: Gnutls,
  name: Parameters<Gnutls["int"]>[0],
  rest: readonly bigint[],
  failed: (answer: number) => Error,
): bigint {
  const block = memory(8);
  const answer = gnutls.int(name, block.base, ...rest);
  if (answer < 0) throw failed(answer);
  return block.getPointer(0);
}
