/**
 * Expanded keys from seeds, public keys from expanded ones, and signatures that a runtime cannot check, of ML-DSA, SLH-DSA
 * and ML-KEM. The arithmetic is a library's, which is loaded when such a key is brought in.
 *
 * @module
 */
import { fromPackage, requiredAt } from "../../../internal/builtin_modules.ts";
import { secretCopy } from "../../../internal/bytes.ts";
import type * as MlDsa from "@noble/post-quantum/ml-dsa.js";
import type * as MlKem from "@noble/post-quantum/ml-kem.js";
import type * as SlhDsa from "@noble/post-quantum/slh-dsa.js";
import type { ParameterSet } from "../../attributes/named_parameters.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Where there is one already: on Bun, and in what a bundler has made, which finds the library by these calls. */
declare const require: ((name: string) => unknown) | undefined;

/** Loads a part of the library on first use, in place. */
function load<T>(part: () => unknown): T {
  return fromPackage<T>("@noble/post-quantum", part);
}

const library = {
  mlDsa: () =>
    load<typeof MlDsa>(() =>
      typeof require === "function"
        ? require("@noble/post-quantum/ml-dsa.js")
        : requiredAt(import.meta.resolve("@noble/post-quantum/ml-dsa.js"), "@noble/post-quantum/ml-dsa.js")
    ),
  mlKem: () =>
    load<typeof MlKem>(() =>
      typeof require === "function"
        ? require("@noble/post-quantum/ml-kem.js")
        : requiredAt(import.meta.resolve("@noble/post-quantum/ml-kem.js"), "@noble/post-quantum/ml-kem.js")
    ),
  slhDsa: () =>
    load<typeof SlhDsa>(() =>
      typeof require === "function"
        ? require("@noble/post-quantum/slh-dsa.js")
        : requiredAt(import.meta.resolve("@noble/post-quantum/slh-dsa.js"), "@noble/post-quantum/slh-dsa.js")
    ),
};

/** Never called: a runtime that resolves modules ahead of time fetches the package because of these expressions. */
export function preloadPostQuantum(): Promise<unknown> {
  return Promise.all([
    import("@noble/post-quantum/ml-dsa.js"),
    import("@noble/post-quantum/ml-kem.js"),
    import("@noble/post-quantum/slh-dsa.js"),
  ]);
}

/** What the rest of the library and this room call from it. */
interface Algorithm {
  keygen(seed: Uint8Array): { secretKey: Uint8Array; publicKey: Uint8Array };
  getPublicKey(secretKey: Uint8Array): Uint8Array;
}

function algorithmOf({ name }: ParameterSet): Algorithm {
  switch (name) {
    case "ML-DSA-44":
      return library.mlDsa().ml_dsa44;
    case "ML-DSA-65":
      return library.mlDsa().ml_dsa65;
    case "ML-DSA-87":
      return library.mlDsa().ml_dsa87;
    case "ML-KEM-512":
      return library.mlKem().ml_kem512;
    case "ML-KEM-768":
      return library.mlKem().ml_kem768;
    case "ML-KEM-1024":
      return library.mlKem().ml_kem1024;
    default:
      throw new TypeError(`Cannot expand a seed of ${name}: its keys have none`);
  }
}

/** Both halves that a seed makes (FIPS 204 §6.1, FIPS 203 §6.1). */
export function expandSeed(set: ParameterSet, seed: Bytes): { publicKey: Bytes; privateKey: Bytes } {
  const { publicKey, secretKey } = algorithmOf(set).keygen(seed);
  try {
    return { publicKey: new Uint8Array(publicKey), privateKey: secretCopy(secretKey) };
  } finally {
    secretKey.fill(0);
  }
}

/**
 * The public half of an expanded private key.
 *
 * @returns null where the key is damaged
 */
export function publicKeyOfExpanded(set: ParameterSet, privateKey: Bytes): Bytes | null {
  // An SLH-DSA private key ends with its public key (FIPS 205 §9.1).
  if (set.family === "SLH-DSA") return privateKey.slice(set.publicLength);
  const algorithm = algorithmOf(set);
  try {
    return new Uint8Array(algorithm.getPublicKey(privateKey));
  } catch {
    return null;
  }
}

/** What checks signatures. */
interface Verifier {
  readonly lengths: { readonly signature?: number | undefined };
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
}

/** Whether a signature is that of ML-DSA (FIPS 204 §5.3) or SLH-DSA (FIPS 205 §10.3), without a context. */
export function isPostQuantumSignature(
  set: ParameterSet,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const named: Readonly<Record<string, unknown>> = set.family === "SLH-DSA"
    ? { ...library.slhDsa() }
    : { ...library.mlDsa() };
  const name = set.name.toLowerCase();
  const key = set.family === "SLH-DSA" ? name.replaceAll("-", "_") : name.replace("-", "_").replace("-", "");
  const { lengths, verify } = named[key] as Verifier;
  return signature.length === lengths.signature && verify(signature, message, publicKey);
}
