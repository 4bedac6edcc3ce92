/** What objects are made and found with. */
import { checkOptions } from "../../ffi/engine/aborts.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import type { ArgsOf, Program } from "../../ffi/engine/program.ts";
import {
  type copyObject,
  type createObject,
  discardObjects,
  type FindArgs,
  findObjects,
  getAttributesIfPresent,
} from "../../ffi/operations/objects.ts";
import { type Attributes, attributesOf } from "../attributes/attributes.ts";
import { readPlan } from "../attributes/attribute_plans.ts";
import { compileTemplate, templateInit, type TemplateInput } from "../attributes/attributes_init.ts";
import type { SessionCore } from "../core/session_core.ts";
import { keyHandle } from "./crypto_args.ts";
import type { Pkcs11Object } from "./object.ts";
import type { FindOptions } from "./options.ts";

/** An object to make. */
export function createArgs(core: SessionCore, attributes: TemplateInput): ArgsOf<typeof createObject> {
  core.assertOpen("create an object");
  return { session: core.handle, attributes: newTemplate(core, attributes) };
}

/** An object to copy, and what its copy has otherwise. */
export function copyArgs(
  core: SessionCore,
  object: Pkcs11Object,
  attributes: TemplateInput,
): ArgsOf<typeof copyObject> {
  core.assertOpen("copy an object");
  const handle = keyHandle(core, "copy an object", object);
  return { session: core.handle, object: handle, attributes: newTemplate(core, attributes) };
}

/** What objects must have, and what is read of them. */
export function findArgs(core: SessionCore, match: TemplateInput, options: FindOptions | undefined): FindArgs {
  core.assertFree("find objects");
  if (options !== undefined) checkOptions(options);
  return {
    session: core.handle,
    attributes: compileTemplate(match),
    plan: options?.read ? readPlan(options.read) : null,
    limit: Infinity,
  };
}

/** An object as those who look for objects get it. */
type ObjectOf = (handle: bigint, attributes: Attributes | null) => Pkcs11Object;

/** Each object that is found, with what is read of it when it is asked for; one that is gone by then is left out. */
export async function* eachObject(
  core: SessionCore,
  { plan, ...args }: FindArgs,
  options: FindOptions | undefined,
  objectOf: ObjectOf,
): AsyncGenerator<Pkcs11Object, void> {
  for (const handle of (await core.run(findObjects, { ...args, plan: null }, options)).handles) {
    options?.signal?.throwIfAborted();
    core.assertOpen("find objects");
    const read = plan &&
      await core.run(getAttributesIfPresent, { session: core.handle, object: handle, plan }, options);
    if (!plan) yield objectOf(handle, null);
    else if (read) yield objectOf(handle, attributesOf(read));
  }
}

/** The same, in place. */
export function* eachObjectSync(
  core: SessionCore,
  { plan, ...args }: FindArgs,
  options: FindOptions | undefined,
  objectOf: ObjectOf,
): Generator<Pkcs11Object, void> {
  for (const handle of core.runSync(findObjects, { ...args, plan: null }, options).handles) {
    options?.signal?.throwIfAborted();
    core.assertOpen("find objects");
    const read = plan && core.runSync(getAttributesIfPresent, { session: core.handle, object: handle, plan }, options);
    if (!plan) yield objectOf(handle, null);
    else if (read) yield objectOf(handle, attributesOf(read));
  }
}

/** The template of an object that is about to be made: one that is not the token's lives in the session. */
export function newTemplate(
  core: SessionCore,
  attributes: TemplateInput,
  keyType?: number,
): ReturnType<typeof compileTemplate> {
  const init = templateInit(attributes);
  const template = compileTemplate(init, keyType);
  if (init.token !== true) core.reusable = false;
  return template;
}

/** Destroys an object that was created after its call had been aborted. */
export function destroyLate(session: bigint): (frame: Frame, object: bigint) => Program<void> {
  return (frame, object) => discardObjects(frame, session, [object]);
}
