/**
 * AES-KW (Web Cryptography §32): bytes become a key of the session that the token wraps, and the other way.
 *
 * @module
 */
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import type { AttributesInit } from "../../session/attributes/attributes_init.ts";
import type { SecretMaterial } from "../../session/keys/forms/key_material.ts";
import { aesKeyWrap as mechanismOf } from "../../session/mechanisms/wrap.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { bringIn, readOut } from "../contract/objects.ts";
import { aesFamily } from "../keys/aes_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** RFC 3394 §2: keys are wrapped in pieces of so many bytes, of which there are at least two. */
const PIECE = 8;

/** A key that is there for one call: what is wrapped has been taken out before, what was unwrapped is taken out. */
const PASSING: AttributesInit = {
  class: CKO.SECRET_KEY,
  keyType: CKK.GENERIC_SECRET,
  token: false,
  private: true,
  sensitive: false,
  extractable: true,
};

async function wrap({ access, key }: KeyUse, data: Bytes): Promise<Bytes> {
  if (data.length % PIECE !== 0 || data.length < 2 * PIECE) {
    throw refusal("OperationError", `Cannot wrap the key with AES-KW: ${data.length} bytes are no two or more times 8`);
  }
  return await access.use([key.held], async (session) => {
    const passing = await bringIn(session, { kind: "secret", keyType: CKK.GENERIC_SECRET, value: data }, PASSING);
    try {
      return await session.wrapKey(key.object, mechanismOf(), passing);
    } finally {
      await passing.destroy();
    }
  });
}

async function unwrap({ access, key }: KeyUse, data: Bytes): Promise<Bytes> {
  if (data.length % PIECE !== 0 || data.length < 3 * PIECE) {
    throw refusal("OperationError", `Cannot unwrap the key with AES-KW: ${data.length} bytes are no wrapped key`);
  }
  return await access.use([key.held], async (session) => {
    const passing = await session.unwrapKey(key.object, mechanismOf(), data, PASSING);
    try {
      return (await readOut(session, passing) as SecretMaterial).value;
    } finally {
      await passing.destroy();
    }
  });
}

/** AES-KW. */
export const aesKeyWrap: Family = {
  ...aesFamily("AES-KW", "KW", ["wrapKey", "unwrapKey"], {
    offered: anyOf(CKM.AES_KEY_WRAP),
    operations: { wrapKey: [], unwrapKey: [] },
    wrapKey: wrap,
    unwrapKey: unwrap,
  }),
  wrapping: mechanismOf(),
  unwrappedLength: (wrapped) => wrapped - PIECE,
};
