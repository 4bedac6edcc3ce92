/** Mechanism parameters: objects of pkcs11js written as C structures. */
import type { Block } from "../ffi/memory/block.ts";
import * as structs from "../ffi/memory/structs_cipher.ts";
import * as derive from "../ffi/memory/structs_derive.ts";
import {
  clearBytes,
  setByte,
  setBytes,
  setPointer,
  type StructDefinition,
  structLayout,
} from "../ffi/memory/structs.ts";
import * as publicKey from "../ffi/memory/structs_public_key.ts";
import * as kind from "./constants/params.ts";
import { bytesOf, handleIn, ulongIn } from "./values.ts";

/**
 * A member of a parameter object and where it goes: `number`, `handle`, `boolean` and `byte` into one member of the
 * structure; `bytes` behind a pointer, with their length in another, or into an array; `output` is written to by the
 * module too; `bits` is those of the vector unless said. A name with `?` may be missing; names with `|` mean the same.
 */
type Member = readonly [property: string, is: Kind, member: string, length?: string];
type Kind = "number" | "bits" | "handle" | "boolean" | "byte" | "bytes" | "output";

interface Shape {
  readonly name: string;
  readonly struct: StructDefinition;
  readonly members: readonly Member[];
}

const agreement = (first: string, target: string): readonly Member[] => [
  ["kdf", "number", "kdf"],
  [`${first}?`, "bytes", `p${target}`, `ul${target}Len`],
  ["publicData", "bytes", "pPublicData", "ulPublicDataLen"],
];
const second: readonly Member[] = [
  ["privateDataLen", "number", "ulPrivateDataLen"],
  ["privateData", "handle", "hPrivateData"],
  ["publicData2?", "bytes", "pPublicData2", "ulPublicDataLen2"],
];
const ccm: readonly Member[] = [
  ["dataLength|dataLen", "number", "ulDataLen"],
  ["nonce?", "bytes", "pNonce", "ulNonceLen"],
  ["aad?", "bytes", "pAAD", "ulAADLen"],
  ["macLength|macLen?", "number", "ulMACLen"],
];
const gcm: readonly Member[] = [
  ["iv", "output", "pIv", "ulIvLen"],
  ["aad?", "bytes", "pAAD", "ulAADLen"],
  ["tagBits?", "number", "ulTagBits"],
];
const rc5: readonly Member[] = [["wordSize", "number", "ulWordsize"], ["rounds", "number", "ulRounds"]];
const named = (name: string, target: string): Member => [name, "bytes", `p${target}`, `ul${target}Len`];
const encryptData: readonly Member[] = [["iv", "bytes", "iv"], ["data?", "bytes", "pData", "length"]];

const SHAPES: ReadonlyMap<number, Shape> = new Map(
  ([
    [kind.CK_PARAMS_AES_CBC, "CK_AES_CBC_ENCRYPT_DATA_PARAMS", structs.CK_AES_CBC_ENCRYPT_DATA_PARAMS, encryptData],
    [kind.CK_PARAMS_AES_CCM, "CK_AES_CCM_PARAMS", structs.CK_CCM_PARAMS, ccm],
    [kind.CK_PARAMS_AES_GCM, "CK_AES_GCM_PARAMS", structs.CK_GCM_PARAMS, [...gcm, ["ivBits?", "bits", "ulIvBits"]]],
    [kind.CK_PARAMS_AES_GCM_v240, "CK_AES_GCM_240_PARAMS", structs.CK_GCM_PARAMS, [
      ...gcm,
      ["ivBits", "number", "ulIvBits"],
    ]],
    [kind.CK_PARAMS_RSA_OAEP, "CK_RSA_PKCS_OAEP_PARAMS", publicKey.CK_RSA_PKCS_OAEP_PARAMS, [
      ["hashAlg", "number", "hashAlg"],
      ["mgf", "number", "mgf"],
      ["source", "number", "source"],
      ["sourceData?", "bytes", "pSourceData", "ulSourceDataLen"],
    ]],
    [kind.CK_PARAMS_RSA_PSS, "CK_RSA_PKCS_PSS_PARAMS", publicKey.CK_RSA_PKCS_PSS_PARAMS, [
      ["hashAlg", "number", "hashAlg"],
      ["mgf", "number", "mgf"],
      ["saltLen", "number", "sLen"],
    ]],
    [
      kind.CK_PARAMS_EC_DH,
      "CK_ECDH1_DERIVE_PARAMS",
      publicKey.CK_ECDH1_DERIVE_PARAMS,
      agreement("sharedData", "SharedData"),
    ],
    [kind.CK_PARAMS_ECDH2_DERIVE, "CK_ECDH2_DERIVE_PARAMS", publicKey.CK_ECDH2_DERIVE_PARAMS, [
      ...agreement("sharedData", "SharedData"),
      ...second,
    ]],
    [kind.CK_PARAMS_ECMQV_DERIVE, "CK_ECMQV_DERIVE_PARAMS", publicKey.CK_ECMQV_DERIVE_PARAMS, [
      ...agreement("sharedData", "SharedData"),
      ...second,
      ["publicKey?", "handle", "publicKey"],
    ]],
    [
      kind.CK_PARAMS_X9_42_DH1_DERIVE,
      "CK_X9_42_DH1_DERIVE_PARAMS",
      publicKey.CK_X9_42_DH1_DERIVE_PARAMS,
      agreement("otherInfo", "OtherInfo"),
    ],
    [kind.CK_PARAMS_X9_42_DH2_DERIVE, "CK_X9_42_DH2_DERIVE_PARAMS", publicKey.CK_X9_42_DH2_DERIVE_PARAMS, [
      ...agreement("otherInfo", "OtherInfo"),
      ...second,
    ]],
    [kind.CK_PARAMS_X9_42_MQV_DERIVE, "CK_X9_42_MQV_DERIVE_PARAMS", publicKey.CK_X9_42_MQV_DERIVE_PARAMS, [
      ...agreement("otherInfo", "OtherInfo"),
      ...second,
      ["publicKey", "handle", "publicKey"],
    ]],
    [kind.CK_PARAMS_KEA_DERIVE, "CK_KEA_DERIVE_PARAMS", publicKey.CK_KEA_DERIVE_PARAMS, [
      ["isSender?", "boolean", "isSender"],
      ["randomA", "bytes", "pRandomA", "ulRandomLen"],
      ["randomB", "bytes", "pRandomB", "ulRandomLen"],
      named("publicData", "PublicData"),
    ]],
    [kind.CK_PARAMS_RC2_CBC, "CK_RC2_CBC_PARAMS", structs.CK_RC2_CBC_PARAMS, [
      ["effectiveBits", "number", "ulEffectiveBits"],
      ["iv", "bytes", "iv"],
    ]],
    [kind.CK_PARAMS_RC2_MAC_GENERAL, "CK_RC2_MAC_GENERAL_PARAMS", structs.CK_RC2_MAC_GENERAL_PARAMS, [
      ["effectiveBits", "number", "ulEffectiveBits"],
      ["macLength", "number", "ulMacLength"],
    ]],
    [kind.CK_PARAMS_RC5, "CK_RC5_PARAMS", structs.CK_RC5_PARAMS, rc5],
    [kind.CK_PARAMS_RC5_CBC, "CK_RC5_CBC_PARAMS", structs.CK_RC5_CBC_PARAMS, [
      ...rc5,
      ["iv", "bytes", "pIv", "ulIvLen"],
    ]],
    [kind.CK_PARAMS_RC5_MAC_GENERAL, "CK_RC5_MAC_GENERAL_PARAMS", structs.CK_RC5_MAC_GENERAL_PARAMS, [
      ...rc5,
      ["macLength", "number", "ulMacLength"],
    ]],
    [
      kind.CK_PARAMS_DES_CBC_ENCRYPT_DATA,
      "CK_DES_CBC_ENCRYPT_DATA_PARAMS",
      structs.CK_DES_CBC_ENCRYPT_DATA_PARAMS,
      encryptData,
    ],
    [kind.CK_PARAMS_SKIPJACK_PRIVATE_WRAP, "CK_SKIPJACK_PRIVATE_WRAP_PARAMS", structs.CK_SKIPJACK_PRIVATE_WRAP_PARAMS, [
      named("password", "Password"),
      named("publicData", "PublicData"),
      // Both are as long as the prime: what was two lengths added up here is one in the standard.
      ["primeP", "bytes", "pPrimeP", "ulPAndGLen"],
      ["baseG", "bytes", "pBaseG", "ulPAndGLen"],
      ["subprimeQ", "bytes", "pSubprimeQ", "ulQLen"],
      ["randomA", "bytes", "pRandomA", "ulRandomLen"],
    ]],
    [kind.CK_PARAMS_SKIPJACK_RELAYX, "CK_SKIPJACK_RELAYX_PARAMS", structs.CK_SKIPJACK_RELAYX_PARAMS, [
      named("oldWrappedX", "OldWrappedX"),
      named("oldPassword", "OldPassword"),
      named("oldPublicData", "OldPublicData"),
      ["oldRandomA", "bytes", "pOldRandomA", "ulOldRandomLen"],
      named("newPassword", "NewPassword"),
      named("newPublicData", "NewPublicData"),
      ["newRandomA", "bytes", "pNewRandomA", "ulNewRandomLen"],
    ]],
    [kind.CK_PARAMS_PBE, "CK_PBE_PARAMS", derive.CK_PBE_PARAMS, [
      ["initVector", "output", "pInitVector"],
      named("password", "Password"),
      named("salt", "Salt"),
      ["iteration", "number", "ulIteration"],
    ]],
    [kind.CK_PARAMS_KEY_WRAP_SET_OAEP, "CK_KEY_WRAP_SET_OAEP_PARAMS", structs.CK_KEY_WRAP_SET_OAEP_PARAMS, [
      ["bc?", "byte", "bBC"],
      named("x?", "X"),
    ]],
    [kind.CK_PARAMS_GCM, "CK_GCM_PARAMS", structs.CK_GCM_PARAMS, [...gcm, ["ivBits", "number", "ulIvBits"]]],
    [kind.CK_PARAMS_CCM, "CK_CCM_PARAMS", structs.CK_CCM_PARAMS, ccm],
    [kind.CK_PARAM_GOSTR3410_DERIVE, "CK_GOSTR3410_DERIVE_PARAMS", publicKey.CK_GOSTR3410_DERIVE_PARAMS, [
      ["kdf", "number", "kdf"],
      named("publicData", "PublicData"),
      named("ukm?", "UKM"),
    ]],
    [kind.CK_PARAM_GOSTR3410_KEY_WRAP, "CK_GOSTR3410_KEY_WRAP_PARAMS", publicKey.CK_GOSTR3410_KEY_WRAP_PARAMS, [
      named("wrapOID", "WrapOID"),
      named("ukm?", "UKM"),
      ["key", "handle", "hKey"],
    ]],
  ] as const satisfies readonly (readonly [number, string, StructDefinition, readonly Member[]])[])
    .map(([type, name, struct, members]) => [type, { name, struct, members }]),
);

/** Room for what a module writes through a pointer, however little its caller has given. */
const OUTPUT_ROOM = 16;

/** Bytes of the caller that take what the module has written into a parameter. */
export interface WrittenBack {
  /** The caller's bytes. */
  readonly into: Uint8Array;
  /** Where the module has written. */
  readonly offset: number;
}

/** A parameter in a block. */
export interface WrittenParams {
  /** Offset of its structure. */
  readonly offset: number;
  /** Bytes of the structure. */
  readonly length: number;
  /** What is to be copied back once the call has returned. */
  readonly back: readonly WrittenBack[];
}

/**
 * Writes the object of a parameter as the structure that its `type` names.
 *
 * @throws {TypeError} When the type is unknown, or a member is missing or of a wrong kind.
 */
export function writeParams(block: Block, params: object, argument: number): WrittenParams {
  const { type } = params as { readonly type?: unknown };
  if (typeof type !== "number") {
    throw new TypeError(`Argument ${argument} has wrong type. Property 'type' should be a Number`);
  }
  const shape = SHAPES.get(type);
  if (shape === undefined) {
    throw new TypeError(`Argument ${argument} has wrong type. Property 'type' is ${type}, no known CK_PARAMS number`);
  }
  return new ParamsWriter(block, shape, params as Readonly<Record<string, unknown>>).write();
}

class ParamsWriter {
  readonly #block: Block;
  readonly #shape: Shape;
  readonly #params: Readonly<Record<string, unknown>>;
  readonly #lengths = new Map<string, number>();
  readonly #back: WrittenBack[] = [];
  #vectorBits = 0;

  constructor(block: Block, shape: Shape, params: Readonly<Record<string, unknown>>) {
    this.#block = block;
    this.#shape = shape;
    this.#params = params;
  }

  write(): WrittenParams {
    const { size, offsets } = structLayout(this.#shape.struct, this.#block.abi);
    const offset = this.#block.alloc(size);
    clearBytes(this.#block, offset, size);
    for (const [property, kind, member, length] of this.#shape.members) {
      const name = property.replace("?", "").split("|").at(-1)!;
      const value = this.#valueOf(property);
      const at = offset + offsets[member]!;
      if (value === undefined && kind === "bits") this.#block.setUlong(at, this.#vectorBits);
      if (value === undefined && property.endsWith("?")) continue;
      if (kind === "bytes" || kind === "output") {
        const bytes = bytesOf(value) ?? this.#wrong(name, "Buffer");
        if (kind === "output") this.#vectorBits = bytes.length * 8;
        if (typeof this.#shape.struct[member] === "number") this.#putArray(name, at, bytes, this.#shape.struct[member]);
        else this.#putPointer(at, bytes, kind === "output");
        if (length !== undefined) this.#putLength(name, offset + offsets[length]!, length, bytes.length);
      } else this.#putValue(name, kind, at, value);
    }
    return { offset, length: size, back: this.#back };
  }

  /** The value of a property, by whichever of its names it was given; `undefined` where it is missing. */
  #valueOf(property: string): unknown {
    for (const name of property.replace("?", "").split("|")) {
      const value = this.#params[name];
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  }

  #putValue(name: string, kind: Kind, at: number, value: unknown): void {
    const block = this.#block;
    if (kind === "number" || kind === "bits") {
      block.setUlong(at, ulongIn(value, block.abi.ulong) ?? this.#wrong(name, "Number"));
    } else if (kind === "handle") block.setUlong(at, handleIn(value, block.abi.ulong) ?? this.#wrong(name, "Buffer"));
    else if (kind === "boolean") {
      if (typeof value !== "boolean") this.#wrong(name, "Boolean");
      setByte(block, at, value ? 1 : 0);
    } else {
      const byte = ulongIn(value, 4);
      if (byte === undefined || byte > 0xff) this.#wrong(name, "Number");
      setByte(block, at, Number(byte));
    }
  }

  #putArray(name: string, at: number, bytes: Uint8Array, length: number): void {
    if (bytes.length !== length) this.#wrong(name, `Buffer of length ${length}`);
    setBytes(this.#block, at, bytes);
  }

  #putPointer(at: number, bytes: Uint8Array, isWritten: boolean): void {
    const block = this.#block;
    if (bytes.length === 0) return setPointer(block, at, 0n);
    const room = isWritten ? Math.max(bytes.length, OUTPUT_ROOM) : bytes.length;
    const offset = block.alloc(room);
    clearBytes(block, offset, room);
    setBytes(block, offset, bytes);
    setPointer(block, at, block.address(offset));
    if (isWritten) this.#back.push({ into: bytes, offset });
  }

  /** One length may stand for two members: the module reads as many bytes of both. */
  #putLength(name: string, at: number, member: string, length: number): void {
    if ((this.#lengths.get(member) ?? length) !== length) this.#wrong(name, `Buffer of the other one's length`);
    this.#lengths.set(member, length);
    this.#block.setUlong(at, length);
  }

  #wrong(property: string, expected: string): never {
    throw new TypeError(
      `Property '${property}' of ${this.#shape.name} mechanism parameter should be ${expected}`,
    );
  }
}
