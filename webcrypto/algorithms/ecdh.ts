/**
 * Agreements on a secret: ECDH (Web Cryptography §24), X25519 and X448 (§27, §28).
 *
 * @module
 */
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import { curveByName } from "../../session/attributes/named_parameters.ts";
import { publicKeyBits } from "../../session/keys/forms/write_der.ts";
import type { SecretMaterial } from "../../session/keys/forms/key_material.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import { ecdh1 } from "../../session/mechanisms/derive.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { KeySlots } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { readOut, readPublic, secrecy } from "../contract/objects.ts";
import type { TokenAccess } from "../contract/token_access.ts";
import { placement, required } from "../contract/parameters.ts";
import { type AsymmetricKeys, keyOperations } from "../keys/asymmetric_keys.ts";
import { ecdhKeys } from "../keys/elliptic_keys.ts";
import { checkType } from "../keys/key_type.ts";
import { x25519Keys, x448Keys } from "../keys/octet_keys.ts";
import { firstBits } from "./first_bits.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The other side's key, checked in the specification's order. */
function otherSide({ key, parameters }: KeyUse): KeySlots {
  checkType(key, "private", "derive bits");
  const other = parameters.peer!;
  const { name, namedCurve } = other.algorithm;
  if (other.type !== "public") throw refusal("InvalidAccessError", "Cannot derive bits: `public` is no public key");
  if (name !== key.algorithm.name || namedCurve !== key.algorithm.namedCurve) {
    throw refusal(
      "InvalidAccessError",
      `Cannot derive bits: the other side's key is one of ${name} ${namedCurve ?? ""}`.trimEnd(),
    );
  }
  return other;
}

/** The mechanism, with the other side's public key in it. */
async function mechanismWith(session: Session, other: KeySlots): Promise<Mechanism> {
  return ecdh1({ public: publicKeyBits(await readPublic(session, other.object)) });
}

function secretLength({ key: { algorithm: { name, namedCurve } } }: KeyUse): number {
  return curveByName(namedCurve ?? name)!.size;
}

/** The secret that both sides have. */
async function agree(use: KeyUse, other: KeySlots): Promise<Bytes> {
  const { access, key } = use;
  const template = {
    class: CKO.SECRET_KEY,
    keyType: CKK.GENERIC_SECRET,
    valueLen: secretLength(use),
    token: false,
    ...secrecy(true),
  };
  return await access.use([key.held, other.held], async (session) => {
    const secret = await session.deriveKey(key.object, await mechanismWith(session, other), template);
    try {
      return (await readOut(session, secret) as SecretMaterial).value;
    } finally {
      await secret.destroy();
    }
  });
}

/** A token cuts secrets at their beginning, Web Cryptography at their end: only whole ones are the same. */
async function derivation(use: KeyUse, bytes: number | null): Promise<Mechanism | null> {
  const other = otherSide(use);
  if (bytes !== null && bytes !== secretLength(use)) return null;
  return await use.access.use([other.held], (session) => mechanismWith(session, other));
}

async function deriveBits(use: KeyUse, length: number | null): Promise<Bytes> {
  const secret = await agree(use, otherSide(use));
  if (length === null) return secret;
  if (secret.length * 8 < length) {
    throw refusal("OperationError", `Cannot derive ${length} bits: the secret has ${secret.length * 8}`);
  }
  return firstBits(secret, length);
}

/** The points of these curves that agree with every key on the same secret make one of zeros (RFC 7748 §6). */
async function deriveMontgomery(use: KeyUse, length: number | null): Promise<Bytes> {
  const bits = await deriveBits(use, null);
  if (bits.every((byte) => byte === 0)) throw refusal("OperationError", "Cannot derive bits: the secret is zero");
  if (length === null) return bits;
  if (bits.length * 8 < length) throw refusal("OperationError", `Cannot derive ${length} bits: the secret is shorter`);
  return firstBits(bits, length);
}

function agreement(
  keys: AsymmetricKeys,
  generators: readonly number[],
  derive: typeof deriveBits,
  derivation: NonNullable<Family["derivation"]> | null,
  parameters: Family["operations"],
): Family {
  const derives = anyOf(CKM.ECDH1_DERIVE);
  // Who derives may do so on other curves alone: the keys of each curve are known where they can be made.
  const hasKeys = (access: TokenAccess) => derives(access) && anyOf(...generators)(access);
  return {
    name: keys.name,
    operations: { ...parameters, exportKey: [], deriveBits: [required("public", "key")] },
    needs: { generateKey: hasKeys, importKey: hasKeys, deriveBits: derives },
    ...keyOperations(keys),
    deriveBits: derive,
    ...derivation === null ? {} : { derivation },
  };
}

const curve = [required("namedCurve", "text"), placement];

/** ECDH, X25519, X448. */
export const agreements: readonly Family[] = [
  agreement(ecdhKeys, [CKM.EC_KEY_PAIR_GEN], deriveBits, derivation, { generateKey: curve, importKey: curve }),
  ...[x25519Keys, x448Keys].map((keys) =>
    agreement(keys, [CKM.EC_MONTGOMERY_KEY_PAIR_GEN, CKM.EC_EDWARDS_KEY_PAIR_GEN], deriveMontgomery, null, {
      generateKey: [placement],
      importKey: [placement],
    })
  ),
];
