/**
 * Ed25519 and Ed448 (Web Cryptography §25, §26).
 *
 * @module
 */
import { CKM } from "../../ffi/constants/mod.ts";
import { eddsa } from "../../session/mechanisms/signature.ts";
import type { SignatureScheme } from "../../session/keys/signature_schemes.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { optional, placement } from "../contract/parameters.ts";
import { type AsymmetricKeys, keyOperations } from "../keys/asymmetric_keys.ts";
import { ed25519Keys, ed448Keys } from "../keys/octet_keys.ts";
import { signBy, verifyBy } from "./signatures.ts";

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
    verify: (use, signature, data) => verifyBy(schemeFor(use), use, signature, data, length),
  };
}

/** Ed25519 and Ed448; signatures have 64 and 114 bytes. */
export const edwardsCurves: readonly Family[] = [edwards(ed25519Keys, 64), edwards(ed448Keys, 114)];
