/** The key derivation functions of NIST SP 800-108. */
import { type BytesInput, copyBytes, describeType } from "../../ffi/memory/inputs.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import { CK } from "../../ffi/constants/parameters.ts";
import { type BuiltParameter, StructParameter } from "../../ffi/memory/mechanisms.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { fillStruct, putBytes, structLayout, writeStruct } from "../../ffi/memory/structs.ts";
import {
  CK_PRF_DATA_PARAM,
  CK_SP800_108_COUNTER_FORMAT,
  CK_SP800_108_DKM_LENGTH_FORMAT,
  CK_SP800_108_FEEDBACK_KDF_PARAMS,
  CK_SP800_108_KDF_PARAMS,
} from "../../ffi/memory/structs_derive.ts";
import { type BuiltMechanism, checkOptions, oneOf, optionalBytes } from "./built.ts";
import { findHash, type HashIdentifier } from "./hash.ts";

/** One part of the PRF's input, in the order they are given. */
export type KbkdfPart =
  | BytesInput
  | {
    /** The counter, or in the other modes the iteration's value; bits of its width: 8, 16, 24 or 32. */
    readonly counter: 8 | 16 | 24 | 32;
    /**
     * Its byte order.
     *
     * @default {false}
     */
    readonly littleEndian?: boolean | undefined;
  }
  | {
    /** The length of the derived key; bits of its width: 8 to 64. */
    readonly keyLength: 8 | 16 | 24 | 32 | 40 | 48 | 56 | 64;
    /**
     * Whether it counts whole PRF outputs (`segments`) or the keys' bits (`keys`).
     *
     * @default {"keys"}
     */
    readonly method?: "keys" | "segments" | undefined;
    /**
     * Its byte order.
     *
     * @default {false}
     */
    readonly littleEndian?: boolean | undefined;
  }
  | "iteration";

/** Options of {@linkcode kbkdf}. */
export interface KbkdfOptions {
  /** The mode of SP 800-108. */
  readonly mode: "counter" | "feedback" | "double-pipeline";
  /** The PRF: a hash for HMAC with it, or a {@linkcode CKM} number such as `CKM.AES_CMAC`. */
  readonly prf: HashIdentifier | number;
  /**
   * The parts of the PRF's input. `iteration` is the previous output (feedback, double pipeline).
   *
   * Common is `[{ counter: 32 }, label, Uint8Array.of(0), context, { keyLength: 32 }]`.
   */
  readonly parts: readonly KbkdfPart[];
  /**
   * The first feedback.
   *
   * By default none.
   */
  readonly iv?: BytesInput | undefined;
}

/** A part as it is written: its type, and what makes its value. */
interface PreparedPart {
  readonly type: number;
  write(block: Block): { readonly address: bigint; readonly length: number };
}

const MODES = {
  "counter": CKM.SP800_108_COUNTER_KDF,
  "feedback": CKM.SP800_108_FEEDBACK_KDF,
  "double-pipeline": CKM.SP800_108_DOUBLE_PIPELINE_KDF,
} as const;

/**
 * A key derivation function of SP 800-108 (`CKM_SP800_108_COUNTER_KDF` and the others).
 *
 * @throws {TypeError} When the mode, the PRF or a part is unknown.
 * @throws {RangeError} When a width is not allowed.
 */
export function kbkdf(options: KbkdfOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "SP 800-108 KDF");
  const { mode, prf, iv } = options;
  const type = MODES[mode];
  if (type === undefined) {
    throw new TypeError(`Cannot use mode "${mode}" of SP 800-108: expected one of ${Object.keys(MODES).join(", ")}`);
  }
  if (!Array.isArray(options.parts)) {
    throw new TypeError(`Cannot use parts of SP 800-108: expected an array, got ${describeType(options.parts)}`);
  }
  const prfType = typeof prf === "number" ? prf : findHash(prf).hmac;
  const parts = options.parts.map((part) => preparedPart(part, mode));
  const pIV = optionalBytes(iv, "the iv of SP 800-108");
  const common = (block: Block) => ({
    prfType,
    ulNumberOfDataParams: parts.length,
    pDataParams: writeParts(block, parts),
    ulAdditionalDerivedKeys: 0,
    pAdditionalDerivedKeys: null,
  });
  if (mode !== "feedback") return { type, parameter: new StructParameter(CK_SP800_108_KDF_PARAMS, common) };
  const feedback = (block: Block) => ({ ...common(block), ulIVLen: pIV?.length ?? 0, pIV });
  return { type, parameter: new StructParameter(CK_SP800_108_FEEDBACK_KDF_PARAMS, feedback) };
}

function preparedPart(part: KbkdfPart, mode: KbkdfOptions["mode"]): PreparedPart {
  if (part === "iteration") {
    return { type: CK.SP800_108_ITERATION_VARIABLE, write: () => ({ address: 0n, length: 0 }) };
  }
  if (typeof part === "object" && part !== null && "counter" in part) {
    checkOptions(part, "the counter of SP 800-108");
    const format = {
      bLittleEndian: part.littleEndian === true,
      ulWidthInBits: oneOf(part.counter, "counter of SP 800-108", [8, 16, 24, 32]),
    };
    return {
      type: mode === "counter" ? CK.SP800_108_ITERATION_VARIABLE : CK.SP800_108_OPTIONAL_COUNTER,
      write: (block) =>
        located(block, writeStruct(block, CK_SP800_108_COUNTER_FORMAT, format), CK_SP800_108_COUNTER_FORMAT),
    };
  }
  if (typeof part === "object" && part !== null && "keyLength" in part) {
    checkOptions(part, "the keyLength of SP 800-108");
    const format = {
      dkmLengthMethod: part.method === "segments"
        ? CK.SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS
        : CK.SP800_108_DKM_LENGTH_SUM_OF_KEYS,
      bLittleEndian: part.littleEndian === true,
      ulWidthInBits: oneOf(part.keyLength, "keyLength of SP 800-108", [8, 16, 24, 32, 40, 48, 56, 64]),
    };
    return {
      type: CK.SP800_108_DKM_LENGTH,
      write: (block) =>
        located(block, writeStruct(block, CK_SP800_108_DKM_LENGTH_FORMAT, format), CK_SP800_108_DKM_LENGTH_FORMAT),
    };
  }
  const bytes = copyBytes(part, "a part of SP 800-108");
  return {
    type: CK.SP800_108_BYTE_ARRAY,
    write: (block) => ({ address: block.address(putBytes(block, bytes)), length: bytes.length }),
  };
}

function located(
  block: Block,
  offset: number,
  definition: Parameters<typeof structLayout>[0],
): { address: bigint; length: number } {
  return { address: block.address(offset), length: structLayout(definition, block.abi).size };
}

function writeParts(block: Block, parts: readonly PreparedPart[]): bigint {
  const layout = structLayout(CK_PRF_DATA_PARAM, block.abi);
  const start = block.alloc(layout.size * parts.length || 1);
  parts.forEach(({ type, write }, index) => {
    const { address, length } = write(block);
    fillStruct(block, layout, start + index * layout.size, { type, pValue: address, ulValueLen: length });
  });
  return block.address(start);
}
