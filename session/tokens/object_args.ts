/** What objects are made and found with. */
import type { Frame } from "../../ffi/engine/frame.ts";
import type { ArgsOf, Program } from "../../ffi/engine/program.ts";
import { type copyObject, type createObject, discardObjects, type FindArgs } from "../../ffi/operations/objects.ts";
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
  return {
    session: core.handle,
    attributes: compileTemplate(match),
    plan: options?.read ? readPlan(options.read) : null,
    limit: Infinity,
  };
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
