/**
 * All algorithms by their names.
 *
 * @module
 */
import type { Family } from "../contract/family.ts";
import { aesCiphers } from "./aes_ciphers.ts";
import { aesKeyWrap } from "./aes_key_wrap.ts";
import { chacha20Poly1305 } from "./chacha20_poly1305.ts";
import { agreements } from "./ecdh.ts";
import { ecdsa } from "./ecdsa.ts";
import { edwardsCurves } from "./eddsa.ts";
import { hashes } from "./hashes.ts";
import { hmac } from "./hmac.ts";
import { derivations } from "./key_derivation.ts";
import { postQuantum } from "./post_quantum.ts";
import { rsaOaep } from "./rsa_oaep.ts";
import { rsaSignatures } from "./rsa_signatures.ts";

const families: readonly Family[] = [
  ...rsaSignatures,
  rsaOaep,
  ecdsa,
  ...agreements,
  ...edwardsCurves,
  ...aesCiphers,
  aesKeyWrap,
  chacha20Poly1305,
  hmac,
  ...derivations,
  ...postQuantum,
  ...hashes,
];

/** Names are compared without regard to the case of ASCII letters, and of no others. */
function folded(name: string): string {
  return name.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** By their names, and by these folded. */
const byName: ReadonlyMap<string, Family> = new Map(
  families.flatMap((family) => [[family.name, family], [folded(family.name), family]]),
);

/** The algorithm of a name, however its letters are written. */
export function familyOf(name: string): Family | undefined {
  return byName.get(name) ?? byName.get(folded(name));
}
