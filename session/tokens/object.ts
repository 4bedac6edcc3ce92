/** Objects of a token: keys, certificates, data. */
import { describeType } from "../../ffi/memory/inputs.ts";
import { type AttributeType, CKO } from "../../ffi/constants/mod.ts";
import type { KeyTraits } from "../../ffi/operations/authentication.ts";
import { destroyObject, getAttributes, objectSize, setAttributes } from "../../ffi/operations/objects.ts";
import { tokenInfo } from "../../ffi/operations/modules.ts";
import type { AnyAttribute } from "../attributes/attribute_names.ts";
import { readPlan } from "../attributes/attribute_types.ts";
import type { AttributeName } from "../attributes/attribute_table.ts";
import { type Attributes, attributesOf, type AttributeSubset } from "../attributes/attributes.ts";
import { compileTemplate, type TemplateInput } from "../attributes/attributes_init.ts";
import { type TokenInfo, tokenInfoOf } from "../core/infos.ts";
import { certificateOf, partnerOf, publicMaterial } from "../keys/partners.ts";
import {
  checkExportFormat,
  checkPublicFormat,
  exported,
  type ExportedKeyFormats,
  type ImmediateFormat,
  publicForm,
  type PublicKeyFormats,
  publicKeyIn,
} from "../keys/key_forms.ts";
import { readSecretKey } from "../keys/read_private.ts";
import { type X509, x509Of } from "../keys/x509.ts";
import type { CallOptions } from "../core/call_options.ts";
import { coreOf } from "./session_contexts.ts";
import type { Session } from "./session.ts";
import { Pkcs11Uri, type UriObjectType } from "../uri/mod.ts";

const TYPES: ReadonlyMap<unknown, UriObjectType> = new Map<unknown, UriObjectType>([
  [CKO.CERTIFICATE, "cert"],
  [CKO.PUBLIC_KEY, "public"],
  [CKO.PRIVATE_KEY, "private"],
  [CKO.SECRET_KEY, "secret-key"],
  [CKO.DATA, "data"],
]);

/** What is known of a key's wish for a login at each use. */
export let traitsOf: (object: Pkcs11Object) => KeyTraits;

/** Whether a value is an object of a token. */
export let isPkcs11Object: (value: unknown) => value is Pkcs11Object;

/** What was read of an object when it was found: the attributes `R`, with `null` among them perhaps nothing. */
export type FoundAttributes<R extends AnyAttribute> =
  | Attributes<R & (AttributeName | number)>
  | (R & null);

const MAX_HANDLE = 0xffff_ffff_ffff_ffffn;
const URI_ATTRIBUTES: readonly AttributeName[] = ["class", "id", "label"];

/**
 * An object of a token as one session sees it (`GP11Object`). Its handle works in every session on the same token. `R`
 * says which attributes were read when it was found; with `null` among them there may be none.
 *
 * @example Read what an object tells about itself
 * ```ts
 * import type { Pkcs11Object } from "@gp11/gp11";
 *
 * async function describe(object: Pkcs11Object): Promise<string> {
 *   const { label, keyType } = await object.get(["label", "keyType"]);
 *   return `${label} (${keyType})`;
 * }
 * ```
 */
export class Pkcs11Object<R extends AnyAttribute = AnyAttribute> {
  /** The session it was found or made in. */
  readonly session: Session;
  /** The module's handle, CK_OBJECT_HANDLE. */
  readonly handle: bigint;
  /** What `findObjects({ read })` read of it; `null` where nothing was asked for. */
  readonly attributes: FoundAttributes<R>;
  /** Made when they are first looked for: most objects are never used as keys. */
  #traits: KeyTraits | null = null;

  static {
    traitsOf = (object) => object.#traits ??= {};
    isPkcs11Object = (value): value is Pkcs11Object => typeof value === "object" && value !== null && #traits in value;
  }

  /**
   * Wraps a handle of the session's token.
   *
   * @param session The session its calls are made in.
   * @param handle The module's CK_OBJECT_HANDLE; it is not checked whether the token has such an object.
   * @param attributes What was read of it.
   * @throws {TypeError} when the handle is no bigint
   * @throws {RangeError} when it is no CK_OBJECT_HANDLE
   */
  constructor(session: Session, handle: bigint, attributes: Attributes | null = null) {
    if (typeof handle !== "bigint" || handle < 0n || handle > MAX_HANDLE) throw handleError(handle);
    this.session = session;
    this.handle = handle;
    this.attributes = attributes as FoundAttributes<R>;
  }

  /**
   * Reads attributes into a plain object; those the object lacks or keeps to itself are `undefined`
   * (C_GetAttributeValue).
   *
   * @param names Their names, or {@linkcode CKA} numbers.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The values under the names and numbers given.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {TypeError} When there is no attribute of a name.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async get<const N extends AttributeName | AttributeType>(
    names: readonly N[],
    options?: CallOptions,
  ): Promise<AttributeSubset<N>> {
    const read: Attributes = await this.getAttributes(names, options);
    return read.pick(names);
  }

  /**
   * Reads attributes into a plain object; those the object lacks or keeps to itself are `undefined`
   * (C_GetAttributeValue). In place; see {@linkcode Pkcs11Object.get}.
   *
   * @param names Their names, or {@linkcode CKA} numbers.
   * @param options A signal, which is looked at before each native call.
   * @returns The values under the names and numbers given.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {TypeError} When there is no attribute of a name.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  getSync<const N extends AttributeName | AttributeType>(
    names: readonly N[],
    options?: CallOptions,
  ): AttributeSubset<N> {
    const read: Attributes = this.getAttributesSync(names, options);
    return read.pick(names);
  }

  /**
   * Reads attributes, with the reason where one has no value (C_GetAttributeValue).
   *
   * @param types Their names, or {@linkcode CKA} numbers.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The values, in the order asked for.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {TypeError} When there is no attribute of a name.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async getAttributes<const N extends AttributeName | AttributeType>(
    types: readonly N[],
    options?: CallOptions,
  ): Promise<Attributes<N>> {
    const args = { ...this.#args("read attributes"), plan: readPlan(types) };
    return attributesOf<N>(await coreOf(this.session).run(getAttributes, args, options));
  }

  /**
   * Reads attributes, with the reason where one has no value (C_GetAttributeValue). In place; see
   * {@linkcode Pkcs11Object.getAttributes}.
   *
   * @param types Their names, or {@linkcode CKA} numbers.
   * @param options A signal, which is looked at before each native call.
   * @returns The values, in the order asked for.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {TypeError} When there is no attribute of a name.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  getAttributesSync<const N extends AttributeName | AttributeType>(
    types: readonly N[],
    options?: CallOptions,
  ): Attributes<N> {
    const args = { ...this.#args("read attributes"), plan: readPlan(types) };
    return attributesOf<N>(coreOf(this.session).runSync(getAttributes, args, options));
  }

  /**
   * Changes attributes (C_SetAttributeValue).
   *
   * @param attributes What the object shall have.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED, CKR_SESSION_READ_ONLY,
   * CKR_ATTRIBUTE_VALUE_INVALID …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async set(attributes: TemplateInput, options?: CallOptions): Promise<void> {
    const args = { ...this.#args("set attributes"), attributes: compileTemplate(attributes) };
    await coreOf(this.session).run(setAttributes, args, options);
  }

  /**
   * Changes attributes (C_SetAttributeValue). In place; see {@linkcode Pkcs11Object.set}.
   *
   * @param attributes What the object shall have.
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED, CKR_SESSION_READ_ONLY,
   * CKR_ATTRIBUTE_VALUE_INVALID …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  setSync(attributes: TemplateInput, options?: CallOptions): void {
    const args = { ...this.#args("set attributes"), attributes: compileTemplate(attributes) };
    coreOf(this.session).runSync(setAttributes, args, options);
  }

  /**
   * Destroys the object (C_DestroyObject).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_ACTION_PROHIBITED, CKR_SESSION_READ_ONLY, CKR_OBJECT_HANDLE_INVALID: the object is gone.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async destroy(options?: CallOptions): Promise<void> {
    await coreOf(this.session).run(destroyObject, this.#args("destroy the object"), options);
  }

  /**
   * Destroys the object (C_DestroyObject). In place; see {@linkcode Pkcs11Object.destroy}.
   *
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_ACTION_PROHIBITED, CKR_SESSION_READ_ONLY, CKR_OBJECT_HANDLE_INVALID: the object is gone.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  destroySync(options?: CallOptions): void {
    coreOf(this.session).runSync(destroyObject, this.#args("destroy the object"), options);
  }

  /**
   * Bytes the object takes on the token; `undefined` where the token does not tell (C_GetObjectSize).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The bytes, or `undefined`.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async size(options?: CallOptions): Promise<number | undefined> {
    return await coreOf(this.session).run(objectSize, this.#args("read the object's size"), options);
  }

  /**
   * Bytes the object takes on the token; `undefined` where the token does not tell (C_GetObjectSize). In place; see
   * {@linkcode Pkcs11Object.size}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns The bytes, or `undefined`.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  sizeSync(options?: CallOptions): number | undefined {
    return coreOf(this.session).runSync(objectSize, this.#args("read the object's size"), options);
  }

  /**
   * Whether this is the same object of the same token, in whatever session it was found (`gp11_object_equal`).
   *
   * @param other What it is compared with; anything else than an object is another one.
   */
  equals(other: Pkcs11Object): boolean {
    return other instanceof Pkcs11Object && other.handle === this.handle &&
      other.session.slot.equals(this.session.slot);
  }

  /**
   * The RFC 7512 URI of the object: its token, class, id and label.
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The URI as text.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async uri(options?: CallOptions): Promise<string> {
    const core = coreOf(this.session);
    const attributes = await this.getAttributes(URI_ATTRIBUTES, options);
    const info = await core.module.call("C_GetTokenInfo", tokenInfo, { slot: core.slot }, options);
    return formatObjectUri(tokenInfoOf(info, core.module.engine.table.abi.ulong), attributes);
  }

  /**
   * The RFC 7512 URI of the object: its token, class, id and label. In place; see {@linkcode Pkcs11Object.uri}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns The URI as text.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  uriSync(options?: CallOptions): string {
    const core = coreOf(this.session);
    const attributes = this.getAttributesSync(URI_ATTRIBUTES, options);
    const info = core.module.callSync("C_GetTokenInfo", tokenInfo, { slot: core.slot }, options);
    return formatObjectUri(tokenInfoOf(info, core.module.engine.table.abi.ulong), attributes);
  }

  /**
   * The public key of a public key, a private key or a certificate: from its own attributes, its pair's or its
   * certificate's (those with the same CKA_ID).
   *
   * @param format Which form.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The key in that form.
   * @throws {ObjectNotFoundError} Where the token has the public half of a private key nowhere.
   * @throws {ObjectAmbiguousError} Where several may be that of a private key, and neither it nor a signature tells which.
   * @throws {TypeError} Where the key has no such form.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async publicKey<F extends keyof PublicKeyFormats>(format: F, options?: CallOptions): Promise<PublicKeyFormats[F]> {
    checkPublicFormat(format);
    const material = await coreOf(this.session).run(publicMaterial, this.#args("read the public key"), options);
    return publicKeyIn(material, format) as PublicKeyFormats[F] | Promise<PublicKeyFormats[F]>;
  }

  /**
   * The public key of a public key, a private key or a certificate: from its own attributes, its pair's or its
   * certificate's (those with the same CKA_ID). In place; a `CryptoKey` can only be made by waiting; see
   * {@linkcode Pkcs11Object.publicKey}.
   *
   * @param format Which form.
   * @param options A signal, which is looked at before each native call.
   * @returns The key in that form.
   * @throws {ObjectNotFoundError} Where the token has the public half of a private key nowhere.
   * @throws {ObjectAmbiguousError} Where several may be that of a private key, and neither it nor a signature tells which.
   * @throws {TypeError} Where the key has no such form.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  publicKeySync<F extends ImmediateFormat>(format: F, options?: CallOptions): PublicKeyFormats[F] {
    checkPublicFormat(format);
    const material = coreOf(this.session).runSync(publicMaterial, this.#args("read the public key"), options);
    return publicForm(material, format);
  }

  /**
   * A private or secret key that the token lets out.
   *
   * @param format Which form.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The key in that form; its bytes are the caller's to overwrite.
   * @throws {Pkcs11Error} CKR_KEY_UNEXTRACTABLE or CKR_ATTRIBUTE_SENSITIVE where it does not.
   * @throws {TypeError} Where the key has no such form.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async exportKey<F extends keyof ExportedKeyFormats>(
    format: F,
    options?: CallOptions,
  ): Promise<ExportedKeyFormats[F]> {
    checkExportFormat(format);
    const args = this.#args("export the key");
    return exported(await coreOf(this.session).run(readSecretKey, args, options), format);
  }

  /**
   * A private or secret key that the token lets out. In place; see {@linkcode Pkcs11Object.exportKey}.
   *
   * @param format Which form.
   * @param options A signal, which is looked at before each native call.
   * @returns The key in that form; its bytes are the caller's to overwrite.
   * @throws {Pkcs11Error} CKR_KEY_UNEXTRACTABLE or CKR_ATTRIBUTE_SENSITIVE where it does not.
   * @throws {TypeError} Where the key has no such form.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  exportKeySync<F extends keyof ExportedKeyFormats>(format: F, options?: CallOptions): ExportedKeyFormats[F] {
    checkExportFormat(format);
    const args = this.#args("export the key");
    return exported(coreOf(this.session).runSync(readSecretKey, args, options), format);
  }

  /**
   * The certificate of this key: the one with its CKA_ID and its public key; `null` where the token has none. Of several
   * one that is valid now, and of those the one that is valid the longest; one that has ended only where no other is there.
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The certificate, or `null`.
   * @throws {ObjectAmbiguousError} Where several pairs share the CKA_ID, and neither a key nor a signature tells which.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async certificate(options?: CallOptions): Promise<Pkcs11Object | null> {
    const args = { ...this.#args("find the certificate"), objectClass: CKO.CERTIFICATE };
    return this.#partner(await coreOf(this.session).run(partnerOf, args, options));
  }

  /**
   * The certificate of this key: the one with its CKA_ID and its public key; `null` where the token has none. In place;
   * see {@linkcode Pkcs11Object.certificate}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns The certificate, or `null`.
   * @throws {ObjectAmbiguousError} Where several pairs share the CKA_ID, and neither a key nor a signature tells which.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  certificateSync(options?: CallOptions): Pkcs11Object | null {
    const args = { ...this.#args("find the certificate"), objectClass: CKO.CERTIFICATE };
    return this.#partner(coreOf(this.session).runSync(partnerOf, args, options));
  }

  /**
   * The private key of this certificate or public key, as {@linkcode Pkcs11Object.certificate} finds the other way.
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The private key, or `null`.
   * @throws {ObjectAmbiguousError} Where several pairs share the CKA_ID, and neither a key nor a signature tells which.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async privateKey(options?: CallOptions): Promise<Pkcs11Object | null> {
    const args = { ...this.#args("find the private key"), objectClass: CKO.PRIVATE_KEY };
    return this.#partner(await coreOf(this.session).run(partnerOf, args, options));
  }

  /**
   * The private key of this certificate or public key, as {@linkcode Pkcs11Object.certificate} finds the other way. In
   * place; see {@linkcode Pkcs11Object.privateKey}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns The private key, or `null`.
   * @throws {ObjectAmbiguousError} Where several pairs share the CKA_ID, and neither a key nor a signature tells which.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  privateKeySync(options?: CallOptions): Pkcs11Object | null {
    const args = { ...this.#args("find the private key"), objectClass: CKO.PRIVATE_KEY };
    return this.#partner(coreOf(this.session).runSync(partnerOf, args, options));
  }

  /**
   * What a certificate says (RFC 5280).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns What it says.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {TypeError} When the object is no certificate, or a damaged one.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async x509(options?: CallOptions): Promise<X509> {
    return x509Of(await coreOf(this.session).run(certificateOf, this.#args("read the certificate"), options));
  }

  /**
   * What a certificate says (RFC 5280). In place; see {@linkcode Pkcs11Object.x509}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns What it says.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the object is gone; CKR_DEVICE_REMOVED …
   * @throws {TypeError} When the object is no certificate, or a damaged one.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  x509Sync(options?: CallOptions): X509 {
    return x509Of(coreOf(this.session).runSync(certificateOf, this.#args("read the certificate"), options));
  }

  #partner(handle: bigint | null): Pkcs11Object | null {
    return handle === null ? null : handle === this.handle ? this : new Pkcs11Object(this.session, handle);
  }

  #args(action: string): { readonly session: bigint; readonly object: bigint } {
    const core = coreOf(this.session);
    core.assertOpen(action);
    return { session: core.handle, object: this.handle };
  }
}

function handleError(handle: unknown): Error {
  return typeof handle === "bigint"
    ? new RangeError(`Cannot wrap an object handle: ${handle} is out of range`)
    : new TypeError(`Cannot wrap an object handle: expected a bigint, got ${describeType(handle)}`);
}

/** Formats the URI of an object whose class, id and label have been read. */
function formatObjectUri(token: TokenInfo, attributes: Attributes): string {
  const id = attributes.get("id");
  const label = attributes.get("label");
  const type = TYPES.get(attributes.get("class"));
  return Pkcs11Uri.from({
    token: token.label,
    serial: token.serialNumber,
    manufacturer: token.manufacturerId,
    model: token.model,
    ...(id === undefined || id.length === 0 ? {} : { id }),
    ...(label ? { object: label } : {}),
    ...(type === undefined ? {} : { type }),
  }).format();
}
