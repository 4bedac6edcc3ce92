/** Data in parts for ciphers that work on blocks: what makes no whole block waits for the next part. */
import { CKM } from "../constants/ckm.ts";

/** Bytes of a block of the ciphers in the modes ECB, CBC and CBC with padding, by mechanism. */
const FAMILIES: readonly (readonly [bytes: number, mechanisms: readonly number[]])[] = [
  [8, [
    CKM.DES_ECB,
    CKM.DES_CBC,
    CKM.DES_CBC_PAD,
    CKM.DES3_ECB,
    CKM.DES3_CBC,
    CKM.DES3_CBC_PAD,
    CKM.CDMF_ECB,
    CKM.CDMF_CBC,
    CKM.CDMF_CBC_PAD,
  ]],
  [16, [
    CKM.CAMELLIA_ECB,
    CKM.CAMELLIA_CBC,
    CKM.CAMELLIA_CBC_PAD,
    CKM.ARIA_ECB,
    CKM.ARIA_CBC,
    CKM.ARIA_CBC_PAD,
    CKM.SEED_ECB,
    CKM.SEED_CBC,
    CKM.SEED_CBC_PAD,
    CKM.AES_ECB,
    CKM.AES_CBC,
    CKM.AES_CBC_PAD,
  ]],
];

/**
 * Cuts parts to whole blocks. PKCS#11 lets parts have any length (§5.8.3), but NSS softokn refuses those that end within a
 * block, and where a stream is cut is nobody's choice.
 */
export class WholeBlocks {
  readonly #size: number;
  #held: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  /** For a mechanism; parts pass as they are where it does not work on blocks. */
  constructor(mechanism: number) {
    this.#size = FAMILIES.find(([, mechanisms]) => mechanisms.includes(mechanism))?.[0] ?? 1;
  }

  /** What can be passed on of a part, behind what was held back: bytes of the part, or a copy to overwrite after use. */
  take(part: Uint8Array): { readonly data: Uint8Array; readonly copied: boolean } {
    const rest = (this.#held.length + part.length) % this.#size;
    const end = part.length - rest;
    if (end < 0) {
      this.#held = joined(this.rest(), part);
      return { data: new Uint8Array(0), copied: false };
    }
    const copied = this.#held.length > 0;
    const data = copied ? joined(this.rest(), part.subarray(0, end)) : part.subarray(0, end);
    this.#held = new Uint8Array(part.subarray(end));
    return { data, copied };
  }

  /** What is held back at the end. */
  rest(): Uint8Array<ArrayBuffer> {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held;
  }

  /** Overwrites what is held back. */
  drop(): void {
    this.#held.fill(0);
    this.#held = new Uint8Array(0);
  }
}

/** Both one after the other; the first, a copy of ours, is overwritten. */
function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  first.fill(0);
  return both;
}
