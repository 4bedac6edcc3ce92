/**
 * Signatures by a scheme: the same plans that token signers follow, so a token without the whole mechanism gets digests.
 *
 * @module
 */
import { planSignature } from "../../session/signer/signing_key.ts";
import type { SignatureScheme } from "../../session/keys/signature_schemes.ts";
import type { KeyUse } from "../contract/family.ts";
import { checkType } from "../keys/key_type.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Signs with a private key. */
export function signBy(scheme: SignatureScheme, use: KeyUse, data: Bytes): Promise<Bytes> {
  const { access, key } = use;
  checkType(key, "private", "sign");
  const { input, mechanism } = planSignature(scheme, access.mechanisms);
  return access.use([key.held], (session) => session.sign(key.object, mechanism, input(data)));
}

/**
 * Verifies with a public key.
 *
 * @param length Bytes of a signature: others are wrong without asking the token, which may call them an error.
 */
export async function verifyBy(
  scheme: SignatureScheme,
  use: KeyUse,
  signature: Bytes,
  data: Bytes,
  length: number | null,
): Promise<boolean> {
  const { access, key } = use;
  checkType(key, "public", "verify");
  if (length !== null && signature.length !== length) return false;
  const { input, mechanism } = planSignature(scheme, access.mechanisms);
  return await access.use([key.held], (session) => session.verify(key.object, mechanism, input(data), signature));
}
