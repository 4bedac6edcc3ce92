/**
 * Ed25519 and Ed448 (Web Cryptography §25, §26).
 *
 * @module
 */
import { CKM } from "../../ffi/constants/mod.ts";
import { hasSmallOrder } from "../../internal/elliptic_signatures.ts";
import { publicKeyBits } from "../../session/keys/forms/write_der.ts";
import { eddsa } from "../../session/mechanisms/signature.ts";
import type { SignatureScheme } from "../../session/keys/signature_schemes.ts";
import type { KeySlots } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { readPublic } from "../contract/objects.ts";
import { optional, placement } from "../contract/parameters.ts";
import { type AsymmetricKeys, keyOperations } from "../keys/asymmetric_keys.ts";
import { ed25519Keys, ed448Keys } from "../keys/octet_keys.ts";
import { signBy, verifyBy } from "./signatures.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** RFC 8032 §5.2: a context of Ed448 has at most so many bytes. */
const LONGEST_CONTEXT = 255;

function schemeFor({ key, parameters: { context } }: KeyUse): SignatureScheme {
  const algorithm = key.algorithm.name;
  if (context !== undefined && context.length > LONGEST_CONTEXT) {
    throw refusal("OperationError", `Cannot use the context: it has ${context.length} bytes, at most 255 are allowed`);
  }
  const whole = eddsa(context === undefined || context.length === 0 ? {} : { context });
  return { algorithm, hash: null, whole, prehashed: null, prepare: (digest) => digest };
}

/** Whether keys that have verified a signature are points of small order. */
const smallKeys = new WeakMap<KeySlots, Promise<boolean>>();

function isSmallKey({ access, key }: KeyUse): Promise<boolean> {
  let isSmall = smallKeys.get(key);
  if (isSmall === undefined) {
    const read = access.use([key.held], async (session) => publicKeyBits(await readPublic(session, key.object)));
    isSmall = read.then((point) => hasSmallOrder(key.algorithm.name, point));
    smallKeys.set(key, isSmall);
    isSmall.catch(() => smallKeys.delete(key));
  }
  return isSmall;
}

/** A token may take a point of small order, under which one signature fits any data: here none does. */
async function verifyEdwards(use: KeyUse, signature: Bytes, data: Bytes, length: number): Promise<boolean> {
  if (!await verifyBy(schemeFor(use), use, signature, data, length)) return false;
  return !hasSmallOrder(use.key.algorithm.name, signature.subarray(0, length / 2)) && !await isSmallKey(use);
}

function edwards(keys: AsymmetricKeys, length: number): Family {
  const signs = anyOf(CKM.EDDSA);
  // Ed25519 has no context in the specification.
  const parameters = keys.name === "Ed448" ? [optional("context", "bytes")] : [];
  return {
    name: keys.name,
    operations: {
      generateKey: [placement],
      importKey: [placement],
      exportKey: [],
      sign: parameters,
      verify: parameters,
    },
    needs: { generateKey: anyOf(CKM.EC_EDWARDS_KEY_PAIR_GEN), importKey: signs, sign: signs, verify: signs },
    ...keyOperations(keys),
    sign: (use, data) => signBy(schemeFor(use), use, data),
    verify: (use, signature, data) => verifyEdwards(use, signature, data, length),
  };
}

/** Ed25519 and Ed448; signatures have 64 and 114 bytes. */
export const edwardsCurves: readonly Family[] = [edwards(ed25519Keys, 64), edwards(ed448Keys, 114)];
