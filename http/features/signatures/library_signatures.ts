/**
 * Signatures on curves that some runtimes do not know (Bun: secp256k1 and Ed448). The arithmetic is a library's, which is
 * loaded with the first of them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { missingPackage } from "../../../internal/builtin_modules.ts";
import { provesNothing } from "../../../internal/elliptic_signatures.ts";
import type { PublicJwk } from "./signer.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The curves that are here. */
export type LibraryCurve = "secp256k1" | "Ed448";

/** What the library says of a public key; it throws for bytes that are none. */
type Verifier = (publicKey: Bytes) => (message: Bytes, signature: Bytes) => boolean;

const loaders: Readonly<Record<LibraryCurve, () => Promise<Verifier>>> = {
  secp256k1: async () => {
    const { secp256k1 } = await import("@noble/curves/secp256k1.js");
    return (publicKey) => {
      secp256k1.Point.fromBytes(publicKey).assertValidity();
      return (message, signature) => secp256k1.verify(signature, message, publicKey);
    };
  },
  Ed448: async () => {
    const { ed448 } = await import("@noble/curves/ed448.js");
    return (publicKey) => {
      ed448.Point.fromBytes(publicKey);
      return (message, signature) =>
        !provesNothing("Ed448", publicKey, signature) && ed448.verify(signature, message, publicKey, { zip215: false });
    };
  },
};

/**
 * Whether a signature is right, by ES256K or EdDSA with Ed448; of ES256K with the lower s.
 *
 * @returns null where the key is damaged
 */
export async function verifyByLibrary(
  curve: LibraryCurve,
  key: PublicJwk,
  message: Bytes,
  signature: Bytes,
): Promise<boolean | null> {
  const verifier = await loaders[curve]().catch((cause) => {
    throw missingPackage("@noble/curves", cause);
  });
  let verify;
  try {
    verify = verifier(publicBytes(key));
  } catch {
    return null;
  }
  try {
    return verify(message, signature);
  } catch {
    return false;
  }
}

/** A point as SEC 1 §2.3.3 and RFC 8032 §5.2.2 have it. */
function publicBytes({ kty, x, y }: PublicJwk): Bytes {
  const [first, second] = [x, y].map((text) => Buffer.from(text ?? "", "base64url"));
  return new Uint8Array(kty === "EC" ? Buffer.concat([Uint8Array.of(4), first!, second!]) : first!);
}
