/**
 * ML-DSA (FIPS 204) and ML-KEM (FIPS 203), as the modern algorithms of Web Cryptography have them.
 *
 * @module
 */
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import { type ParameterSet, parameterSetByName } from "../../session/attributes/named_parameters.ts";
import type { SecretMaterial } from "../../session/keys/forms/key_material.ts";
import { ofLength } from "../../session/keys/forms/read_der.ts";
import { mlDsa } from "../../session/mechanisms/signature.ts";
import type { SignatureScheme } from "../../session/keys/signature_schemes.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { readOut } from "../contract/objects.ts";
import { optional, placement } from "../contract/parameters.ts";
import { type AsymmetricKeys, keyOperations } from "../keys/asymmetric_keys.ts";
import { wrongJsonWebKey } from "../keys/json_web_keys.ts";
import { checkType } from "../keys/key_type.ts";
import { signBy, verifyBy } from "./signatures.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** FIPS 204 §5.2: a context has at most so many bytes. */
const LONGEST_CONTEXT = 255;
/** FIPS 203 §8: bytes of a ciphertext. */
const CIPHERTEXTS: Readonly<Record<string, number>> = { "ML-KEM-512": 768, "ML-KEM-768": 1088, "ML-KEM-1024": 1568 };
/** FIPS 204 §4: bytes of a signature. */
const SIGNATURES: Readonly<Record<string, number>> = { "ML-DSA-44": 2420, "ML-DSA-65": 3309, "ML-DSA-87": 4627 };

function parameterSetKeys(
  set: ParameterSet,
  generator: number,
  differences: Pick<AsymmetricKeys, "publicUsages" | "privateUsages" | "use">,
): AsymmetricKeys {
  const { name } = set;
  return {
    ...differences,
    name,
    kty: "AKP",
    privateMember: "priv",
    rawForms: ["raw-public"],
    algorithm: () => ({ name }),
    algorithmOf(material) {
      if (material.kind === "post-quantum" && material.set === set) return { name };
      throw refusal("DataError", `Cannot import the key: it is no key of ${name}`);
    },
    generation: () => ({ mechanism: generator, publicAttributes: { parameterSet: name } }),
    checkJsonWebKey(jwk) {
      if (jwk.alg !== name) throw wrongJsonWebKey(`its "alg" is ${JSON.stringify(jwk.alg)}, expected "${name}"`);
    },
    jsonAlgorithm: () => name,
    readRaw: (bytes) => ({
      kind: "post-quantum",
      set,
      publicKey: ofLength(bytes, set.publicLength, name, "the key"),
      seed: null,
      privateKey: null,
    }),
    readSeed: (bytes) => ({
      kind: "post-quantum",
      set,
      publicKey: null,
      seed: ofLength(bytes.slice(), set.seedLength, `${name} seed`, "the key"),
      privateKey: null,
    }),
  };
}

function schemeFor({ key, parameters: { context } }: KeyUse): SignatureScheme {
  if (context !== undefined && context.length > LONGEST_CONTEXT) {
    throw refusal("OperationError", `Cannot use the context: it has ${context.length} bytes, at most 255 are allowed`);
  }
  const whole = mlDsa(context === undefined || context.length === 0 ? {} : { context });
  return { algorithm: key.algorithm.name, hash: null, whole, prehashed: null, prepare: (digest) => digest };
}

const signs = anyOf(CKM.ML_DSA);
const signed = [optional("context", "bytes")];

function signing(set: ParameterSet): Family {
  const keys = parameterSetKeys(set, CKM.ML_DSA_KEY_PAIR_GEN, {
    publicUsages: ["verify"],
    privateUsages: ["sign"],
    use: "sig",
  });
  return {
    name: set.name,
    operations: { generateKey: [placement], importKey: [placement], exportKey: [], sign: signed, verify: signed },
    needs: { generateKey: anyOf(CKM.ML_DSA_KEY_PAIR_GEN), importKey: signs, sign: signs, verify: signs },
    ...keyOperations(keys),
    sign: (use, data) => signBy(schemeFor(use), use, data),
    verify: (use, signature, data) => verifyBy(schemeFor(use), use, signature, data, SIGNATURES[set.name]!),
  };
}

/** Bytes of a shared secret, whatever the parameter set (FIPS 203 §8). */
const SHARED = {
  class: CKO.SECRET_KEY,
  keyType: CKK.GENERIC_SECRET,
  valueLen: 32,
  token: false,
  sensitive: false,
  extractable: true,
};

/** Reads a shared secret, which is an object of the token until then. */
async function taken(session: Session, secret: Pkcs11Object): Promise<Bytes> {
  try {
    return (await readOut(session, secret) as SecretMaterial).value;
  } finally {
    await secret.destroy();
  }
}

const encapsulates = anyOf(CKM.ML_KEM);

function encapsulating(set: ParameterSet): Family {
  const keys = parameterSetKeys(set, CKM.ML_KEM_KEY_PAIR_GEN, {
    publicUsages: ["encapsulateKey", "encapsulateBits"],
    privateUsages: ["decapsulateKey", "decapsulateBits"],
    use: "enc",
  });
  return {
    name: set.name,
    operations: {
      generateKey: [placement],
      importKey: [placement],
      exportKey: [],
      encapsulate: [],
      decapsulate: [],
    },
    needs: {
      generateKey: anyOf(CKM.ML_KEM_KEY_PAIR_GEN),
      importKey: encapsulates,
      encapsulate: encapsulates,
      decapsulate: encapsulates,
    },
    ...keyOperations(keys),
    encapsulate({ access, key }) {
      checkType(key, "public", "encapsulate a key");
      return access.use([key.held], async (session) => {
        const { ciphertext, key: secret } = await session.encapsulateKey(key.object, CKM.ML_KEM, SHARED);
        return { ciphertext, sharedKey: await taken(session, secret) };
      });
    },
    decapsulate({ access, key }, ciphertext) {
      checkType(key, "private", "decapsulate a key");
      if (ciphertext.length !== CIPHERTEXTS[set.name]) {
        throw refusal(
          "OperationError",
          `Cannot decapsulate the key: ${ciphertext.length} bytes are none of ${set.name}`,
        );
      }
      return access.use(
        [key.held],
        async (session) =>
          await taken(session, await session.decapsulateKey(key.object, CKM.ML_KEM, ciphertext, SHARED)),
      );
    },
  };
}

/** ML-DSA and ML-KEM. */
export const postQuantum: readonly Family[] = [
  ...Object.keys(SIGNATURES).map((name) => signing(parameterSetByName(name)!)),
  ...Object.keys(CIPHERTEXTS).map((name) => encapsulating(parameterSetByName(name)!)),
];
