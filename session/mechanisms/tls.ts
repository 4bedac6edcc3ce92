/** Builders of the TLS 1.2 mechanisms. */
import { membersAsFacts, type Portrait, shownAs } from "../../internal/inspection.ts";
import { type BytesInput, encodeText } from "../../ffi/memory/inputs.ts";
import { CKM } from "../../ffi/constants/ckm.ts";
import {
  type BuiltParameter,
  OutputParameter,
  StructParameter,
  type WrittenParameter,
} from "../../ffi/memory/mechanisms.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { clearBytes, fillStruct, structLayout, type Version } from "../../ffi/memory/structs.ts";
import {
  CK_SSL3_KEY_MAT_OUT,
  CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS,
  CK_TLS12_KEY_MAT_PARAMS,
  CK_TLS12_MASTER_KEY_DERIVE_PARAMS,
  CK_TLS_KDF_PARAMS,
  CK_TLS_MAC_PARAMS,
} from "../../ffi/memory/structs_derive.ts";
import { type BuiltMechanism, bytesMember, checkOptions, integer, optionalBytes } from "./built.ts";
import { findHash, type HashIdentifier } from "./hash.ts";

/** The two randoms of a handshake. */
export interface TlsRandoms {
  /** The client's random, 32 bytes. */
  readonly clientRandom: BytesInput;
  /** The server's random, 32 bytes. */
  readonly serverRandom: BytesInput;
}

function randomMembers({ clientRandom, serverRandom }: TlsRandoms): {
  "RandomInfo.pClientRandom": Uint8Array;
  "RandomInfo.ulClientRandomLen": number;
  "RandomInfo.pServerRandom": Uint8Array;
  "RandomInfo.ulServerRandomLen": number;
} {
  const client = bytesMember(clientRandom, "the clientRandom of TLS", { min: 1 });
  const server = bytesMember(serverRandom, "the serverRandom of TLS", { min: 1 });
  return {
    "RandomInfo.pClientRandom": client,
    "RandomInfo.ulClientRandomLen": client.length,
    "RandomInfo.pServerRandom": server,
    "RandomInfo.ulServerRandomLen": server.length,
  };
}

/** Options of {@linkcode tls12MasterSecret}. */
export type Tls12MasterSecretOptions =
  & {
    /** The PRF's digest. */
    readonly hash: HashIdentifier;
    /**
     * Whether the premaster secret came from Diffie-Hellman and carries no version.
     *
     * @default {false}
     */
    readonly dh?: boolean | undefined;
  }
  & (TlsRandoms | {
    /** The hash of the handshake, for the extended master secret of RFC 7627. */
    readonly sessionHash: BytesInput;
  });

/** The parameter of {@linkcode tls12MasterSecret}. */
export interface MasterSecretParameter extends BuiltParameter {
  /** The version the premaster secret carries; `undefined` before the call, and with Diffie-Hellman. */
  readonly version: Version | undefined;
}

class MasterSecretStruct extends OutputParameter<
  typeof CK_TLS12_MASTER_KEY_DERIVE_PARAMS | typeof CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS
> implements MasterSecretParameter {
  version: Version | undefined;
}

/**
 * The TLS 1.2 master secret (`CKM_TLS12_MASTER_KEY_DERIVE`), from the randoms or, extended, from the handshake's hash.
 *
 * @throws {TypeError} When a member has the wrong type.
 */
export function tls12MasterSecret(options: Tls12MasterSecretOptions): BuiltMechanism<MasterSecretParameter> {
  checkOptions(options, "TLS 1.2 master secret");
  const { hash, dh = false } = options;
  const prfHashMechanism = findHash(hash).digest;
  const outputs = dh ? [] : [{
    member: "pVersion" as const,
    initial: new Uint8Array(2),
    received: (block: Block, offset: number) => {
      const [major = 0, minor = 0] = block.bytesAt(offset, 2);
      parameter.version = { major, minor };
    },
  }];
  let parameter: MasterSecretStruct;
  if ("sessionHash" in options) {
    const pSessionHash = bytesMember(options.sessionHash, "the sessionHash of TLS", { min: 1 });
    const values = { prfHashMechanism, pSessionHash, ulSessionHashLen: pSessionHash.length };
    parameter = new MasterSecretStruct(CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, values, outputs);
    return { type: dh ? CKM.TLS12_EXTENDED_MASTER_KEY_DERIVE_DH : CKM.TLS12_EXTENDED_MASTER_KEY_DERIVE, parameter };
  }
  const values = { ...randomMembers(options), prfHashMechanism };
  parameter = new MasterSecretStruct(CK_TLS12_MASTER_KEY_DERIVE_PARAMS, values, outputs);
  return { type: dh ? CKM.TLS12_MASTER_KEY_DERIVE_DH : CKM.TLS12_MASTER_KEY_DERIVE, parameter };
}

/** Options of {@linkcode tls12KeyBlock}. */
export interface Tls12KeyBlockOptions extends TlsRandoms {
  /** The PRF's digest. */
  readonly hash: HashIdentifier;
  /** Bits of each MAC key, 0 with AEAD ciphers. */
  readonly macLength: number;
  /** Bits of each cipher key. */
  readonly keyLength: number;
  /** Bits of each IV. */
  readonly ivLength: number;
}

/** What {@linkcode tls12KeyBlock} gives after the call. */
export interface TlsKeyBlock {
  /** Handle of the client's MAC key; 0 without one. */
  readonly clientMacKey: bigint;
  /** Handle of the server's MAC key; 0 without one. */
  readonly serverMacKey: bigint;
  /** Handle of the client's cipher key. */
  readonly clientKey: bigint;
  /** Handle of the server's cipher key. */
  readonly serverKey: bigint;
  /** The client's IV. */
  readonly clientIv: Uint8Array<ArrayBuffer>;
  /** The server's IV. */
  readonly serverIv: Uint8Array<ArrayBuffer>;
}

/** The parameter of {@linkcode tls12KeyBlock}. */
export interface KeyBlockParameter extends BuiltParameter {
  /** The keys and IVs; `undefined` before the call. */
  readonly keys: TlsKeyBlock | undefined;
}

/** The handles; the IVs are secret. */
const keyBlockShown: Portrait<TlsKeyBlock> = {
  name: "TlsKeyBlock",
  facts: ({ clientMacKey, serverMacKey, clientKey, serverKey }) =>
    membersAsFacts({ clientMacKey, serverMacKey, clientKey, serverKey }),
};

class KeyBlockStruct implements KeyBlockParameter {
  readonly #values: Readonly<Record<string, number | Uint8Array>>;
  readonly #ivBytes: number;
  #keys: TlsKeyBlock | undefined;

  constructor(values: Readonly<Record<string, number | Uint8Array>>, ivBytes: number) {
    this.#values = values;
    this.#ivBytes = ivBytes;
  }

  get keys(): TlsKeyBlock | undefined {
    return this.#keys;
  }

  // The returned key material follows the parameter, and then the IVs.
  write(block: Block): WrittenParameter {
    const layout = structLayout(CK_TLS12_KEY_MAT_PARAMS, block.abi);
    const out = structLayout(CK_SSL3_KEY_MAT_OUT, block.abi);
    const length = aligned(layout.size) + aligned(out.size) + 2 * aligned(this.#ivBytes);
    const offset = block.alloc(length);
    clearBytes(block, offset, length);
    const material = offset + aligned(layout.size);
    const ivs = material + aligned(out.size);
    fillStruct(block, layout, offset, { ...this.#values, pReturnedKeyMaterial: block.address(material) });
    if (this.#ivBytes > 0) {
      fillStruct(block, out, material, {
        pIVClient: block.address(ivs),
        pIVServer: block.address(ivs + aligned(this.#ivBytes)),
      });
    }
    return { offset, length: layout.size };
  }

  readBack(block: Block, offset: number): void {
    const { size, offsets } = structLayout(CK_SSL3_KEY_MAT_OUT, block.abi);
    const material = offset + aligned(structLayout(CK_TLS12_KEY_MAT_PARAMS, block.abi).size);
    const ivs = material + aligned(size);
    this.#keys = shownAs(keyBlockShown, {
      clientMacKey: block.getHandle(material + offsets.hClientMacSecret),
      serverMacKey: block.getHandle(material + offsets.hServerMacSecret),
      clientKey: block.getHandle(material + offsets.hClientKey),
      serverKey: block.getHandle(material + offsets.hServerKey),
      clientIv: block.copyOut(ivs, this.#ivBytes),
      serverIv: block.copyOut(ivs + aligned(this.#ivBytes), this.#ivBytes),
    });
  }
}

function aligned(length: number): number {
  return (length + 7) & ~7;
}

/**
 * The keys and IVs of a TLS 1.2 connection (`CKM_TLS12_KEY_AND_MAC_DERIVE`). The call itself gives no key: they are in
 * `parameter.keys` afterwards.
 *
 * @throws {RangeError} When a length is no multiple of 8 bits.
 */
export function tls12KeyBlock(options: Tls12KeyBlockOptions): BuiltMechanism<KeyBlockParameter> {
  checkOptions(options, "TLS 1.2 key block");
  const ulIVSizeInBits = bits(options.ivLength, "ivLength of TLS");
  const values = {
    ulMacSizeInBits: bits(options.macLength, "macLength of TLS"),
    ulKeySizeInBits: bits(options.keyLength, "keyLength of TLS"),
    ulIVSizeInBits,
    bIsExport: 0,
    ...randomMembers(options),
    prfHashMechanism: findHash(options.hash).digest,
  };
  return { type: CKM.TLS12_KEY_AND_MAC_DERIVE, parameter: new KeyBlockStruct(values, ulIVSizeInBits / 8) };
}

function bits(value: number, subject: string): number {
  const checked = integer(value, subject, 0, 4096);
  if (checked % 8 === 0) return checked;
  throw new RangeError(`Cannot use ${subject}: ${value} bits are no whole bytes`);
}

/** Options of {@linkcode tlsKdf}. */
export interface TlsKdfOptions extends TlsRandoms {
  /** The PRF's digest. */
  readonly hash: HashIdentifier;
  /** The label; text goes in UTF-8. */
  readonly label: string | BytesInput;
  /**
   * The context of RFC 5705.
   *
   * By default none.
   */
  readonly context?: BytesInput | undefined;
}

/** Keying material exported from a TLS connection (`CKM_TLS_KDF`, RFC 5705). */
export function tlsKdf(options: TlsKdfOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "TLS KDF");
  const { hash, label, context } = options;
  const labelBytes = typeof label === "string" ? encodeText(label, "the label of TLS") : label;
  const pLabel = bytesMember(labelBytes, "the label of TLS", { min: 1 });
  const pContextData = optionalBytes(context, "the context of TLS");
  const values = {
    prfMechanism: findHash(hash).digest,
    pLabel,
    ulLabelLength: pLabel.length,
    ...randomMembers(options),
    pContextData,
    ulContextDataLength: pContextData?.length ?? 0,
  };
  return { type: CKM.TLS_KDF, parameter: new StructParameter(CK_TLS_KDF_PARAMS, values) };
}

/** Options of {@linkcode tlsMac}. */
export interface TlsMacOptions {
  /** The PRF's digest. */
  readonly hash: HashIdentifier;
  /** Bytes of the MAC, 12 in TLS 1.2. */
  readonly length: number;
  /** Whose finished message it is. */
  readonly side: "server" | "client";
}

/** The MAC of a finished message (`CKM_TLS_MAC`). */
export function tlsMac(options: TlsMacOptions): BuiltMechanism<BuiltParameter> {
  checkOptions(options, "TLS MAC");
  const { hash, length, side } = options;
  if (side !== "server" && side !== "client") {
    throw new TypeError(`Cannot use side "${side}" of TLS MAC: expected "server" or "client"`);
  }
  const values = {
    prfHashMechanism: findHash(hash).digest,
    ulMacLength: integer(length, "the length of TLS MAC", 1, 64),
    ulServerOrClient: side === "server" ? 1 : 2,
  };
  return { type: CKM.TLS_MAC, parameter: new StructParameter(CK_TLS_MAC_PARAMS, values) };
}
