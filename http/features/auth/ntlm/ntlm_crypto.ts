/**
 * The hashes of NTLMv2 (MS-NLMP §3.3.2). MD4 is written out because OpenSSL 3 no longer offers it everywhere.
 *
 * @module
 */
import { builtin } from "../../../../internal/builtin_modules.ts";
import { concatBytes } from "../../../../internal/bytes.ts";

/** MD4 (RFC 1320). Broken for signatures; NTLM defines its password hash by it. */
export function md4(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(((message.byteLength + 72) >> 6) << 6);
  padded.set(message);
  padded[message.byteLength] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.byteLength - 8, message.byteLength * 8, true);
  view.setUint32(padded.byteLength - 4, Math.floor(message.byteLength / 0x20000000), true);
  const state = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  const block = new Uint32Array(16);
  for (let offset = 0; offset < padded.byteLength; offset += 64) {
    for (let index = 0; index < 16; index++) block[index] = view.getUint32(offset + index * 4, true);
    mixBlock(state, block);
  }
  const digest = new Uint8Array(16);
  const out = new DataView(digest.buffer);
  for (let index = 0; index < 4; index++) out.setUint32(index * 4, state[index]!, true);
  return digest;
}

const rounds = [
  {
    constant: 0,
    shifts: [3, 7, 11, 19],
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    mix: (x: number, y: number, z: number): number => (x & y) | (~x & z),
  },
  {
    constant: 0x5a827999,
    shifts: [3, 5, 9, 13],
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    mix: (x: number, y: number, z: number): number => (x & y) | (x & z) | (y & z),
  },
  {
    constant: 0x6ed9eba1,
    shifts: [3, 9, 11, 15],
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    mix: (x: number, y: number, z: number): number => x ^ y ^ z,
  },
] as const;

function mixBlock(state: Uint32Array, block: Uint32Array): void {
  let [a, b, c, d] = [state[0]!, state[1]!, state[2]!, state[3]!];
  for (const round of rounds) {
    for (let step = 0; step < 16; step++) {
      const sum = (a + round.mix(b, c, d) + block[round.order[step]!]! + round.constant) | 0;
      const shift = round.shifts[step & 3]!;
      [a, b, c, d] = [d, (sum << shift) | (sum >>> (32 - shift)), b, c];
    }
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}

/** HMAC-MD5 (RFC 2104). */
export function hmacMd5(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const hmac = builtin.crypto.createHmac("md5", key);
  for (const part of parts) hmac.update(part);
  return new Uint8Array(hmac.digest());
}

/** A text in UTF-16LE, the charset of NTLM. */
export function encodeUtf16(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < text.length; index++) view.setUint16(index * 2, text.charCodeAt(index), true);
  return bytes;
}

/** Upper case as Windows has it: character by character, so that "ß" stays one character. */
function upperCase(text: string): string {
  return Array.from(text, (character) => {
    const upper = character.toUpperCase();
    return upper.length === character.length ? upper : character;
  }).join("");
}

/** NTOWFv2: the key made of password, user and domain (MS-NLMP §3.3.2). */
export function ntlmV2Key(user: string, password: string, domain: string): Uint8Array<ArrayBuffer> {
  return hmacMd5(md4(encodeUtf16(password)), encodeUtf16(upperCase(user) + domain));
}

/** What an NTLMv2 response is made of. */
export interface NtlmV2Input {
  /** NTOWFv2. */
  readonly key: Uint8Array;
  /** The server's challenge, 8 bytes. */
  readonly serverChallenge: Uint8Array;
  /** The client's challenge, 8 bytes. */
  readonly clientChallenge: Uint8Array;
  /** 100 ns ticks since 1601. */
  readonly timestamp: bigint;
  /** The target information as it is sent back, with its end mark. */
  readonly targetInfo: Uint8Array;
}

/** The two responses and the key of the session. */
export interface NtlmV2Output {
  /** NtChallengeResponse. */
  readonly ntResponse: Uint8Array<ArrayBuffer>;
  /** LmChallengeResponse. */
  readonly lmResponse: Uint8Array<ArrayBuffer>;
  /** SessionBaseKey. */
  readonly sessionKey: Uint8Array<ArrayBuffer>;
}

/** Computes the responses of NTLMv2 (MS-NLMP §3.3.2, ComputeResponse). */
export function ntlmV2Response(input: NtlmV2Input): NtlmV2Output {
  const blob = new Uint8Array(28 + input.targetInfo.byteLength + 4);
  const view = new DataView(blob.buffer);
  blob[0] = 1;
  blob[1] = 1;
  view.setBigUint64(8, input.timestamp, true);
  blob.set(input.clientChallenge, 16);
  blob.set(input.targetInfo, 28);
  const proof = hmacMd5(input.key, input.serverChallenge, blob);
  return {
    ntResponse: concatBytes(proof, blob),
    lmResponse: concatBytes(hmacMd5(input.key, input.serverChallenge, input.clientChallenge), input.clientChallenge),
    sessionKey: hmacMd5(input.key, proof),
  };
}
