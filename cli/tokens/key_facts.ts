/** What a key is, and its public half as something a token can use. */
import { CKK, CKO, type KeyType, type ObjectClass } from "../../ffi/constants/mod.ts";
import { ckkName } from "../../ffi/constants/names.ts";
import { isSameBytes } from "../../internal/bytes.ts";
import {
  type Curve,
  curveByName,
  type ParameterSet,
  parameterSetByName,
} from "../../session/attributes/named_parameters.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";

/** What a key is, as far as the choice of a mechanism needs it. */
export interface KeyFacts {
  /** Its class. */
  readonly class: ObjectClass | undefined;
  /** Its type. */
  readonly keyType: KeyType | undefined;
  /** Its curve, where it is on one that is known. */
  readonly curve: Curve | undefined;
  /** Its parameter set, where it has one that is known. */
  readonly set: ParameterSet | undefined;
}

/** Reads what a key is. */
export async function keyFacts(key: Pkcs11Object, signal: AbortSignal): Promise<KeyFacts> {
  const read = await key.getAttributes(["class", "keyType", "namedCurve", "parameterSetName"], { signal });
  const [curve, set] = [read.get("namedCurve"), read.get("parameterSetName")];
  return {
    class: read.get("class"),
    keyType: read.get("keyType"),
    curve: curve === undefined ? undefined : curveByName(curve),
    set: set === undefined ? undefined : parameterSetByName(set),
  };
}

/**
 * The object that verifies and encrypts for another: a secret or public key itself; of a private key or certificate the
 * public key that the token has beside it, else its public half as an object of the session.
 */
export async function publicHalf(object: Pkcs11Object, signal: AbortSignal): Promise<Pkcs11Object> {
  const { class: kind, id } = await object.get(["class", "id"], { signal });
  if (kind === CKO.PUBLIC_KEY || kind === CKO.SECRET_KEY) return object;
  const spki = await object.publicKey("spki", { signal });
  const beside = id === undefined || id.length === 0
    ? []
    : await object.session.findObjects({ class: CKO.PUBLIC_KEY, id }, { signal });
  for (const each of beside) if (isSameBytes(await each.publicKey("spki", { signal }), spki)) return each;
  return await object.session.importKey(spki, { private: false }, { signal });
}

/** What people call a key, such as `EC P-256` or `RSA`. */
export function keyName({ curve, keyType, set }: KeyFacts): string {
  if (set !== undefined) return set.name;
  if (curve !== undefined) return curve.keyType === CKK.EC ? `EC ${curve.name}` : curve.name;
  return keyType === undefined ? "" : ckkName(keyType).slice(4);
}
