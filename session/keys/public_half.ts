/**
 * The public half of an object, found or calculated.
 *
 * @module
 */
import { CKO } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { getAttributes, type ObjectArgs } from "../../ffi/operations/objects.ts";
import { readPlan } from "../attributes/attribute_plans.ts";
import { attributesOf } from "../attributes/attributes.ts";
import { ObjectAmbiguousError, ObjectNotFoundError } from "../errors.ts";
import { type AsymmetricMaterial, wipeKey } from "./forms/key_material.ts";
import { readSecretKey } from "./read_private.ts";
import { publicKeyAnywhere } from "./find_public.ts";
import { identify } from "./read_public.ts";
import { writeSpki } from "./forms/write_der.ts";
import { readDer } from "./forms/asn1.ts";
import { readSpki } from "./forms/read_der.ts";

/**
 * The public half of an object.
 *
 * @throws {ObjectNotFoundError} where the token has that of a private key nowhere
 * @throws {ObjectAmbiguousError} where several may be that of a private key, and nothing tells which is
 */
export function* publicMaterial(frame: Frame, { object, session }: ObjectArgs): Program<AsymmetricMaterial> {
  const key = yield* identify(frame, { session, object });
  let found: AsymmetricMaterial | null = null;
  let ambiguous: ObjectAmbiguousError | null = null;
  try {
    found = yield* publicKeyAnywhere(frame, session, key);
  } catch (error) {
    if (!(error instanceof ObjectAmbiguousError)) throw error;
    ambiguous = error;
  }
  if (found !== null) return found;
  const calculated = key.class === CKO.PRIVATE_KEY ? yield* calculatedHalf(frame, { object, session }) : null;
  if (calculated !== null) return calculated;
  if (ambiguous !== null) throw ambiguous;
  const name = key.label === "" ? "the key" : `the key ${JSON.stringify(key.label)}`;
  const match = key.id.length === 0
    ? `the public half of ${name}, which tells none and has no CKA_ID to look for its pair by, nor the label of one that a signature tells to be its own`
    : `the public half of ${name}: it tells none, and no public key or certificate that can be read has its CKA_ID ${key.id.toHex()}`;
  throw new ObjectNotFoundError(match, "read the public key");
}

/** The public half of a private key that the token lets out; null where it does not. */
function* calculatedHalf(frame: Frame, args: ObjectArgs): Program<AsymmetricMaterial | null> {
  const plan = readPlan(["sensitive", "extractable"]);
  const read = attributesOf(yield* getAttributes(frame, { ...args, plan }));
  if (read.get("sensitive") !== false || read.get("extractable") !== true) return null;
  const material = yield* readSecretKey(frame, args);
  try {
    // A copy of the public half alone: the private one is overwritten.
    return material.kind === "secret" ? null : readSpki(readDer(writeSpki(material), "the key"), "the key");
  } finally {
    wipeKey(material);
  }
}
