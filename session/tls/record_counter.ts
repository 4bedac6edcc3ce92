/** Counts the records of a stream of TLS: GnuTLS can make nothing of one that is not whole. */

/** Bytes in front of a record: its type, a version and its length (RFC 8446 §5.1). */
const HEADER = 5;
/** A record that says it is longer is refused as soon as its header is seen (RFC 5246 §6.2.3). */
const MOST = 0x4000 + 0x800;

/** Counts the records of one direction of one connection. */
export class RecordCounter {
  #header = 0;
  #length = 0;
  /** Bytes of the record that are still to come. */
  #left = 0;

  /** Sees the next bytes, up to `end`; how many records end in them. */
  add(bytes: Uint8Array, end: number): number {
    let whole = 0;
    for (let at = 0; at < end;) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at);
        at += step;
        this.#left -= step;
        if (this.#left === 0) whole++;
        continue;
      }
      this.#length = (this.#length << 8 | bytes[at++]!) & 0xffff;
      if (++this.#header < HEADER) continue;
      this.#header = 0;
      if (this.#length === 0 || this.#length > MOST) whole++;
      else this.#left = this.#length;
    }
    return whole;
  }
}
