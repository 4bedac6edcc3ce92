/** Objects of a session: create, copy, find. */
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import {
  copyObject,
  createObject,
  discardObjects,
  type FindArgs,
  findObjects,
  type Found,
  getAttributesIfPresent,
} from "../../ffi/operations/objects.ts";
import type { AttributeName } from "../attributes/attribute_table.ts";
import { Attributes } from "../attributes/attributes.ts";
import { type AttributesInit, compileTemplate } from "../attributes/attributes_init.ts";
import { keyHandle } from "./crypto_args.ts";
import { readPlan } from "../attributes/attribute_plans.ts";
import { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { coreOf } from "./session_base.ts";
import type { SessionCore } from "../core/session_core.ts";
import { SessionLogin } from "./session_login.ts";
import type { Session } from "./session.ts";

/** How objects are found. */
export interface FindOptions extends CallOptions {
  /** Attributes to read of each object that is found: names, or CKA numbers. */
  readonly read?: readonly (AttributeName | number)[] | undefined;
}

/** The part of {@linkcode Session} that makes and finds objects. */
export abstract class SessionObjects extends SessionLogin {
  /**
   * Creates an object (`gp11_session_create_object`, C_CreateObject).
   *
   * @param attributes What it is made of: at least its class.
   */
  async createObject(attributes: AttributesInit, options?: CallOptions): Promise<Pkcs11Object> {
    const args = this.#createArgs(attributes);
    return this.#object(await coreOf(this).run(createObject, args, options, destroyLate(args.session)));
  }

  /** {@linkcode SessionObjects.createObject} in place. */
  createObjectSync(attributes: AttributesInit, options?: CallOptions): Pkcs11Object {
    return this.#object(coreOf(this).runSync(createObject, this.#createArgs(attributes), options));
  }

  /** Copies an object; `attributes` differ from the original's (C_CopyObject). */
  async copyObject(
    object: Pkcs11Object,
    attributes: AttributesInit = {},
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = this.#copyArgs(object, attributes);
    return this.#object(await coreOf(this).run(copyObject, args, options, destroyLate(args.session)));
  }

  /** {@linkcode SessionObjects.copyObject} in place. */
  copyObjectSync(object: Pkcs11Object, attributes: AttributesInit = {}, options?: CallOptions): Pkcs11Object {
    return this.#object(coreOf(this).runSync(copyObject, this.#copyArgs(object, attributes), options));
  }

  /**
   * Finds the objects that have these attributes, in the token's order; all of them without any
   * (`gp11_session_find_objects`; C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal).
   *
   * @returns The objects; finding none is no error.
   */
  async findObjects(match: AttributesInit = {}, options?: FindOptions): Promise<Pkcs11Object[]> {
    return this.#objects(await coreOf(this).run(findObjects, this.#findArgs(match, options), options));
  }

  /** {@linkcode SessionObjects.findObjects} in place. */
  findObjectsSync(match: AttributesInit = {}, options?: FindOptions): Pkcs11Object[] {
    return this.#objects(coreOf(this).runSync(findObjects, this.#findArgs(match, options), options));
  }

  /**
   * The objects that have these attributes, one by one. The session is not held between the steps: any call works inside
   * the loop, and a loop that is left early leaves nothing open. Objects that vanish meanwhile are passed over.
   */
  async *objects(match: AttributesInit = {}, options?: FindOptions): AsyncIterableIterator<Pkcs11Object> {
    const { plan, ...args } = this.#findArgs(match, options);
    const core = coreOf(this);
    for (const handle of (await core.run(findObjects, { ...args, plan: null }, options)).handles) {
      options?.signal?.throwIfAborted();
      core.assertOpen("find objects");
      if (!plan) {
        yield this.#object(handle);
        continue;
      }
      const read = { session: core.handle, object: handle, plan };
      const found = await core.run(getAttributesIfPresent, read, options);
      if (found) yield this.#object(handle, new Attributes(found));
    }
  }

  /** {@linkcode SessionObjects.objects} in place. */
  *objectsSync(match: AttributesInit = {}, options?: FindOptions): IterableIterator<Pkcs11Object> {
    const { plan, ...args } = this.#findArgs(match, options);
    const core = coreOf(this);
    for (const handle of core.runSync(findObjects, { ...args, plan: null }, options).handles) {
      options?.signal?.throwIfAborted();
      core.assertOpen("find objects");
      if (!plan) {
        yield this.#object(handle);
        continue;
      }
      const read = { session: core.handle, object: handle, plan };
      const found = core.runSync(getAttributesIfPresent, read, options);
      if (found) yield this.#object(handle, new Attributes(found));
    }
  }

  #createArgs(attributes: AttributesInit) {
    const core = coreOf(this);
    core.assertOpen("create an object");
    return { session: core.handle, attributes: newTemplate(core, attributes) };
  }

  #copyArgs(object: Pkcs11Object, attributes: AttributesInit) {
    const core = coreOf(this);
    core.assertOpen("copy an object");
    const handle = keyHandle(core, "copy an object", object);
    return { session: core.handle, object: handle, attributes: newTemplate(core, attributes) };
  }

  #findArgs(match: AttributesInit, options: FindOptions | undefined): FindArgs {
    coreOf(this).assertFree("find objects");
    return {
      session: this.handle,
      attributes: compileTemplate(match),
      plan: options?.read ? readPlan(options.read) : null,
      limit: Infinity,
    };
  }

  #objects({ handles, attributes }: Found): Pkcs11Object[] {
    return handles.map((handle, index) => this.#object(handle, attributes && new Attributes(attributes[index]!)));
  }

  #object(handle: bigint, attributes: Attributes | null = null): Pkcs11Object {
    return new Pkcs11Object(this as unknown as Session, handle, attributes);
  }
}

/** The template of an object that is about to be made: one that is not the token's lives in the session. */
export function newTemplate(
  core: SessionCore,
  attributes: AttributesInit,
  keyType?: number,
): ReturnType<typeof compileTemplate> {
  const template = compileTemplate(attributes, keyType);
  if (attributes.token !== true) core.reusable = false;
  return template;
}

/** Destroys an object that was created after its call had been aborted. */
export function destroyLate(session: bigint): (frame: Frame, object: bigint) => Program<void> {
  return (frame, object) => discardObjects(frame, session, [object]);
}
