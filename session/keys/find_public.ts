/**
 * The public half of a key of a token wherever the token keeps it, and the private key that has a public half. Several
 * pairs may share a CKA_ID: what a key tells of itself counts first, then a signature that it makes.
 *
 * @module
 */
import { isSameBytes } from "../../internal/bytes.ts";
import { CKA, CKK, CKO } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { findObjects, getAttributes } from "../../ffi/operations/objects.ts";
import { type Attributes, attributesOf } from "../attributes/attributes.ts";
import { readPlan } from "../attributes/attribute_types.ts";
import { ObjectAmbiguousError } from "../errors.ts";
import type { AsymmetricMaterial } from "./forms/key_material.ts";
import { isWeierstrass } from "./forms/read_der.ts";
import { halfBySignature } from "./half_by_signature.ts";
import {
  curveOfKey,
  identify,
  isSameKey,
  type KeyIdentity,
  ownPublicKey,
  trimmed,
  unlessDamaged,
} from "./read_public.ts";

/** Objects of a class that may be of one pair with a key: they have its CKA_ID or, as it has none, only its label. */
export function* beside(
  frame: Frame,
  session: bigint,
  objectClass: number,
  key: KeyIdentity,
): Program<readonly KeyIdentity[]> {
  const hasId = key.id.length > 0;
  if (!hasId && key.label === "") return [];
  const name = hasId
    ? { type: CKA.ID, value: key.id }
    : { type: CKA.LABEL, value: new TextEncoder().encode(key.label) };
  const attributes = [{ type: CKA.CLASS, value: objectClass }, name];
  const { handles } = yield* findObjects(frame, { session, attributes, plan: null, limit: Infinity });
  const found: KeyIdentity[] = [];
  for (const object of handles) {
    const identity = yield* identify(frame, { session, object });
    if (hasId || identity.id.length === 0) found.push(identity);
  }
  return found;
}

/** Where the public half of a private key may be, the better place first. */
const PLACES = [CKO.PUBLIC_KEY, CKO.CERTIFICATE] as const;

/**
 * The public half of an object: its own, its pair's, or its certificate's.
 *
 * @returns null where the token has it nowhere
 * @throws {ObjectAmbiguousError} where several may be that of a private key, and nothing tells which is
 */
export function* publicKeyAnywhere(
  frame: Frame,
  session: bigint,
  key: KeyIdentity,
): Program<AsymmetricMaterial | null> {
  const own = yield* ownPublicKey(frame, session, key);
  if (own !== null || key.class !== CKO.PRIVATE_KEY) return own;
  for (const place of PLACES) {
    const half = yield* ownAmong(frame, session, key, yield* halvesBeside(frame, session, key, place));
    if (half !== null) return half;
  }
  return null;
}

/** {@linkcode publicKeyAnywhere}; null also where several may be it. */
export function* unambiguousPublicKey(
  frame: Frame,
  session: bigint,
  key: KeyIdentity,
): Program<AsymmetricMaterial | null> {
  try {
    return yield* publicKeyAnywhere(frame, session, key);
  } catch (error) {
    if (!(error instanceof ObjectAmbiguousError)) throw error;
    return null;
  }
}

/** Whether this may be the public half of a key, as far as it can be known without using the key. */
export function* mayHaveHalf(
  frame: Frame,
  session: bigint,
  key: KeyIdentity,
  half: AsymmetricMaterial,
): Program<boolean> {
  const own = yield* unlessDamaged(ownPublicKey(frame, session, key));
  if (own !== null || key.class !== CKO.PRIVATE_KEY) return own !== null && isSameKey(own, half);
  for (const place of PLACES) {
    const { halves } = (yield* unlessDamaged(halvesBeside(frame, session, key, place))) ?? NONE;
    if (halves.length > 0) return halves.some((each) => isSameKey(each, half));
  }
  return false;
}

/** Public halves beside a private key. */
interface HalvesBeside {
  /** The different ones that may be its own. */
  readonly halves: readonly AsymmetricMaterial[];
  /** Whether the key itself tells that the only one is its own. */
  readonly isSure: boolean;
}

const NONE: HalvesBeside = { halves: [], isSure: false };

function* halvesBeside(frame: Frame, session: bigint, key: KeyIdentity, place: number): Program<HalvesBeside> {
  const objects = yield* beside(frame, session, place, key);
  if (objects.length === 0) return NONE;
  const facts = yield* factsOf(frame, session, key);
  const halves: AsymmetricMaterial[] = [];
  for (const object of objects) {
    const half = yield* unlessDamaged(ownPublicKey(frame, session, object));
    if (half === null) continue;
    const isOwn = belongs(facts, key, half);
    if (isOwn === true) return { halves: [half], isSure: true };
    if (isOwn === undefined && !halves.some((each) => isSameKey(each, half))) halves.push(half);
  }
  return { halves, isSure: false };
}

/**
 * A half with the key's CKA_ID is taken for its own where there is no other, and no other key that it may be of; a label
 * alone says too little for that.
 */
function* ownAmong(
  frame: Frame,
  session: bigint,
  key: KeyIdentity,
  { halves, isSure }: HalvesBeside,
): Program<AsymmetricMaterial | null> {
  const hasId = key.id.length > 0;
  if (halves.length === 0) return null;
  if (isSure) return halves[0]!;
  const rivals = hasId && halves.length === 1 ? yield* rivalsOf(frame, session, key, halves[0]!) : null;
  if (rivals === 0) return halves[0]!;
  // What the others have told says nothing of this one: it may be one of their keys once more.
  const told = yield* halfBySignature(frame, { session, object: key.object }, halves);
  if (told !== undefined || !hasId) return told ?? null;
  throw new ObjectAmbiguousError(
    `the CKA_ID ${key.id.toHex()} of the private key, and no signature of it tells which ${
      rivals === null ? "is its own" : "of them the public half belongs to"
    }`,
    rivals === null ? halves.length : rivals + 1,
    "find the public half of the key",
    "give each pair a CKA_ID of its own",
  );
}

/** How many other private keys of a CKA_ID a public half may be that of. */
function* rivalsOf(frame: Frame, session: bigint, key: KeyIdentity, half: AsymmetricMaterial): Program<number> {
  let rivals = 0;
  for (const other of yield* beside(frame, session, CKO.PRIVATE_KEY, key)) {
    if (other.object === key.object) continue;
    // `null` is a key of a curve that is unknown here.
    const isOwn = yield* unlessDamaged(belonging(frame, session, other, half));
    if (isOwn === undefined || isOwn === true) rivals++;
  }
  return rivals;
}

/** Which of several objects has a public half. */
export interface Holder {
  /** The one that has it; null where none is known to. */
  readonly object: bigint | null;
  /** Where none is known to: private keys that may have it, of which nothing tells. */
  readonly untold: readonly bigint[];
}

/** The one of these objects that has a public half. */
export function* holderOf(
  frame: Frame,
  session: bigint,
  objects: readonly KeyIdentity[],
  half: AsymmetricMaterial,
): Program<Holder> {
  const untold: bigint[] = [];
  for (const key of objects) {
    const has = yield* hasHalf(frame, session, key, half, objects.length === 1);
    if (has === true) return { object: key.object, untold: [] };
    if (has === undefined) untold.push(key.object);
  }
  return { object: null, untold };
}

/** Whether an object has a public half; undefined where it cannot be told. What lies beside it counts for one alone. */
function* hasHalf(
  frame: Frame,
  session: bigint,
  key: KeyIdentity,
  half: AsymmetricMaterial,
  isAlone: boolean,
): Program<boolean | undefined> {
  const reading = isAlone ? unambiguousPublicKey : ownPublicKey;
  const own = yield* unlessDamaged(reading(frame, session, key));
  if (own !== null || key.class !== CKO.PRIVATE_KEY) return own !== null && isSameKey(own, half);
  const isOwn = yield* unlessDamaged(belonging(frame, session, key, half));
  if (isOwn !== undefined) return isOwn === true;
  const told = yield* halfBySignature(frame, { session, object: key.object }, [half]);
  return told === undefined ? undefined : told !== null;
}

function* belonging(
  frame: Frame,
  session: bigint,
  key: KeyIdentity,
  half: AsymmetricMaterial,
): Program<boolean | undefined> {
  return belongs(yield* factsOf(frame, session, key), key, half);
}

type KeyFacts = Pick<Attributes<"ecParams" | "parameterSet" | "modulus">, "get">;

/** What a private key tells that keeps its public half to itself. */
function* factsOf(frame: Frame, session: bigint, { object }: KeyIdentity): Program<KeyFacts> {
  const plan = readPlan(["ecParams", "parameterSet", "modulus"]);
  return attributesOf(yield* getAttributes(frame, { session, object, plan }));
}

/** Whether a public half is that of a private key; undefined where type and parameters are the same, and nothing tells more. */
function belongs(read: KeyFacts, key: KeyIdentity, half: AsymmetricMaterial): boolean | undefined {
  if (half.kind === "RSA") {
    const modulus = key.keyType === CKK.RSA ? read.get("modulus") : new Uint8Array();
    return modulus === undefined ? undefined : isSameBytes(trimmed(modulus), half.modulus);
  }
  if (half.kind === "curve") {
    const parameters = read.get("ecParams");
    if (key.keyType === undefined || isWeierstrass(half.curve) !== (key.keyType === CKK.EC)) return false;
    return parameters === undefined || curveOfKey(parameters, key.keyType) === half.curve ? undefined : false;
  }
  const number = read.get("parameterSet");
  const isSame = key.keyType === half.set.keyType && (number === undefined || Number(number) === half.set.number);
  return isSame ? undefined : false;
}
