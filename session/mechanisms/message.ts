/** Builders of the per-message parameters of PKCS#11 3.0's message encryption. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import { CKG } from "../../ffi/constants/parameters.ts";
import {
  type BuiltParameter,
  type MechanismUse,
  type OutputBuffer,
  OutputParameter,
  type ParameterValues,
} from "../../ffi/memory/mechanisms.ts";
import {
  CK_CCM_MESSAGE_PARAMS,
  CK_GCM_MESSAGE_PARAMS,
  CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS,
} from "../../ffi/memory/structs_cipher.ts";
import type { StructDefinition } from "../../ffi/memory/structs.ts";
import { type BuiltMechanism, bytesMember, checkOptions, integer, MAX_GCM_IV, optionalLength } from "./built.ts";
import { type AesCcmTagLength, type AesGcmTagLength, ccmTagBits, gcmTagBits } from "./cipher.ts";

/** Who makes the nonce of a message: the caller, or the token by counting, at random, or by a masked counter. */
export type NonceGenerator = "none" | "token" | "counter" | "random" | "counter-xor";

const GENERATORS: { readonly [name in NonceGenerator]: number } = {
  "none": CKG.NO_GENERATE,
  "token": CKG.GENERATE,
  "counter": CKG.GENERATE_COUNTER,
  "random": CKG.GENERATE_RANDOM,
  "counter-xor": CKG.GENERATE_COUNTER_XOR,
};

/** Options the message ciphers have in common. */
export interface MessageNonceOptions {
  /**
   * Who makes the nonce.
   *
   * By default "none", the caller.
   */
  readonly generator?: NonceGenerator | undefined;
  /**
   * Bits at the nonce's start that a generator leaves alone.
   *
   * @default {0}
   */
  readonly fixedBits?: number | undefined;
  /**
   * The tag, to decrypt.
   *
   * By default none, to encrypt: the token writes it.
   */
  readonly tag?: BytesInput | undefined;
}

/** The parameter of one message: what the token wrote is read from here after the call. */
export interface MessageParameter extends BuiltParameter {
  /** A copy of the nonce: after encrypting, the one the token used. */
  readonly iv: Uint8Array<ArrayBuffer>;
  /** A copy of the authentication tag: after encrypting, the one the token made. */
  readonly tag: Uint8Array<ArrayBuffer>;
}

class MessageStruct<D extends StructDefinition> extends OutputParameter<D> implements MessageParameter {
  #nonce: Uint8Array;
  #tag: Uint8Array;

  constructor(
    definition: D,
    values: ParameterValues<D>,
    members: { readonly nonce: keyof D & string; readonly tag: keyof D & string },
    nonce: Uint8Array,
    tag: Uint8Array,
  ) {
    const outputs: OutputBuffer<keyof D & string>[] = [
      {
        member: members.nonce,
        initial: nonce,
        received: (block, offset) => {
          this.#nonce = block.copyOut(offset, nonce.length);
        },
      },
      {
        member: members.tag,
        initial: tag,
        received: (block, offset) => {
          this.#tag = block.copyOut(offset, tag.length);
        },
      },
    ];
    super(definition, values, outputs);
    this.#nonce = nonce;
    this.#tag = tag;
  }

  get iv(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#nonce);
  }

  get tag(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#tag);
  }
}

/** Options of {@linkcode aesGcmMessage}. */
export interface AesGcmMessageOptions extends MessageNonceOptions {
  /** The initialization vector, 1 to 2^32 - 1 bytes; with a generator, its length and its fixed bits. */
  readonly iv: BytesInput;
  /**
   * Bits of the tag: 32, 64, 96, 104, 112, 120 or 128.
   *
   * @default {128}
   */
  readonly tagLength?: AesGcmTagLength | undefined;
}

/** One message of AES-GCM (`CK_GCM_MESSAGE_PARAMS`), for `encryptMessage` and `decryptMessage`. */
export function aesGcmMessage(
  options: AesGcmMessageOptions,
): BuiltMechanism<MessageParameter> {
  checkOptions(options, "AES-GCM message");
  const iv = bytesMember(options.iv, "the iv of AES-GCM", { min: 1, max: MAX_GCM_IV });
  const bits = gcmTagBits(options.tagLength);
  const values = {
    ulIvLen: iv.length,
    ulIvFixedBits: fixedBits(options, iv),
    ivGenerator: generator(options),
    ulTagBits: bits,
  };
  const members = { nonce: "pIv", tag: "pTag" } as const;
  const tag = tagBytes(options, bits / 8);
  return { type: CKM.AES_GCM, parameter: new MessageStruct(CK_GCM_MESSAGE_PARAMS, values, members, iv, tag) };
}

/** Options of {@linkcode aesCcmMessage}. */
export interface AesCcmMessageOptions extends MessageNonceOptions {
  /** The nonce, 7 to 13 bytes; with a generator, its length and its fixed bits. */
  readonly nonce: BytesInput;
  /**
   * Bits of the tag: 32, 48, 64, 80, 96, 112 or 128.
   *
   * @default {128}
   */
  readonly tagLength?: AesCcmTagLength | undefined;
  /**
   * Bytes of the message. Needed only when it comes in parts.
   *
   * By default the length of the data in the call.
   */
  readonly dataLength?: number | undefined;
}

/** One message of AES-CCM (`CK_CCM_MESSAGE_PARAMS`), for `encryptMessage` and `decryptMessage`. */
export function aesCcmMessage(
  options: AesCcmMessageOptions,
): BuiltMechanism<MessageParameter> {
  checkOptions(options, "AES-CCM message");
  const nonce = bytesMember(options.nonce, "the nonce of AES-CCM", { min: 7, max: 13 });
  const dataLength = optionalLength(options.dataLength, "dataLength of AES-CCM");
  const length = ccmTagBits(options.tagLength) / 8;
  const ulNonceFixedBits = fixedBits(options, nonce);
  const nonceGenerator = generator(options);
  const values = (_block: unknown, use: MechanismUse) => ({
    ulDataLen: messageLength(dataLength ?? use.dataLength),
    ulNonceLen: nonce.length,
    ulNonceFixedBits,
    nonceGenerator,
    ulMACLen: length,
  });
  const members = { nonce: "pNonce", tag: "pMAC" } as const;
  const tag = tagBytes(options, length);
  return { type: CKM.AES_CCM, parameter: new MessageStruct(CK_CCM_MESSAGE_PARAMS, values, members, nonce, tag) };
}

/** Options of {@linkcode chacha20Poly1305Message}. */
export interface Poly1305MessageOptions {
  /** The nonce, 12 bytes, or 8 or 24 for the other forms of the cipher. */
  readonly nonce: BytesInput;
  /**
   * The tag, to decrypt.
   *
   * By default none, to encrypt: the token writes it.
   */
  readonly tag?: BytesInput | undefined;
}

/** One message of ChaCha20-Poly1305, for `encryptMessage` and `decryptMessage`. */
export function chacha20Poly1305Message(
  options: Poly1305MessageOptions,
): BuiltMechanism<MessageParameter> {
  checkOptions(options, "ChaCha20-Poly1305 message");
  const nonce = bytesMember(options.nonce, "the nonce of ChaCha20-Poly1305", { oneOf: [8, 12, 24] });
  const members = { nonce: "pNonce", tag: "pTag" } as const;
  const parameter = new MessageStruct(
    CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS,
    { ulNonceLen: nonce.length },
    members,
    nonce,
    tagBytes(options, 16),
  );
  return { type: CKM.CHACHA20_POLY1305, parameter };
}

function tagBytes({ tag }: { readonly tag?: BytesInput | undefined }, length: number): Uint8Array {
  return tag === undefined ? new Uint8Array(length) : bytesMember(tag, "the tag of a message", { oneOf: [length] });
}

function fixedBits(options: MessageNonceOptions, nonce: Uint8Array): number {
  return integer(options.fixedBits ?? 0, "fixedBits of a message", 0, nonce.length * 8);
}

function generator({ generator = "none" }: MessageNonceOptions): number {
  const number = GENERATORS[generator];
  if (number !== undefined) return number;
  const names = Object.keys(GENERATORS).join(", ");
  throw new TypeError(`Cannot use generator "${generator}" of a message: expected one of ${names}`);
}

function messageLength(length: number | undefined): number {
  if (length !== undefined) return length;
  throw new TypeError("Cannot use AES-CCM on a message in parts: its length is unknown, give dataLength");
}
