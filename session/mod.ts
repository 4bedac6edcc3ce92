/**
 * PKCS#11 modules, slots, sessions and objects: find, make and use keys that live in hardware, smart cards and software
 * tokens. Every verb has an asynchronous form, which runs on worker threads, and a synchronous one.
 *
 * @example Use a key of a token
 * ```ts
 * import { CKM, CKO, CKU, Module } from "@gp11/gp11/session";
 *
 * async function sign(path: string, pin: string, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
 *   await using module = await Module.load(path);
 *   const [slot] = await module.slots({ tokenPresent: true });
 *   await using session = await slot!.openSession({ login: { userType: CKU.USER, pin } });
 *   const [key] = await session.findObjects({ class: CKO.PRIVATE_KEY });
 *   return await session.sign(key!, CKM.ECDSA_SHA256, data);
 * }
 * ```
 *
 * @module
 */
import "./load_order.ts";
import "../ffi/inspection.ts";
import "./inspection.ts";

export * from "../ffi/constants/mod.ts";
export type { BytesInput } from "../ffi/memory/inputs.ts";
export type { AttributeState } from "../ffi/attributes/attribute.ts";
export type {
  AnyAttribute,
  AttributeNames,
  AttributeNumbers,
  AttributesReadAlong,
  CamelCase,
  NumberedValue,
  ReadAttributeKey,
} from "./attributes/attribute_names.ts";
export type { AttributeName } from "./attributes/attribute_table.ts";
export type { AttributeValues } from "./attributes/attribute_values.ts";
export {
  type Attribute,
  Attributes,
  type AttributeSubset,
  type AttributeValue,
  type ValueOf,
} from "./attributes/attributes.ts";
export type {
  AttributeFamilies,
  AttributeInput,
  AttributesInit,
  FamilyInput,
  NumberedInput,
  RawAttributeInput,
  TemplateInput,
} from "./attributes/attributes_init.ts";
export type { FunctionName } from "../ffi/tables/functions.ts";
export { DiscardHandleEvent, MemberEvent } from "./core/events.ts";
export {
  ConfigurationError,
  ModuleLoadError,
  ObjectAmbiguousError,
  ObjectNotFoundError,
  Pkcs11Error,
  type Pkcs11ErrorOptions,
  SessionBusyError,
  SessionClosedError,
  SlotAmbiguousError,
  SlotNotFoundError,
  TlsError,
  UriError,
  type UriErrorReason,
} from "./errors.ts";
export {
  type MechanismInfo,
  ModuleFlags,
  type ModuleInfo,
  type SessionInfo,
  type SlotInfo,
  type TokenInfo,
  type Version,
} from "./core/infos.ts";
export * from "./mechanisms/mod.ts";
export { Module, type SlotsOptions } from "./tokens/module.ts";
export type { ModuleOptions, ModuleShare } from "./managed/options.ts";
export { type FoundAttributes, Pkcs11Object } from "./tokens/object.ts";
export type {
  AutoAuthenticate,
  DataInput,
  EncapsulatedKey,
  EncapsulateOptions,
  FindAndReadOptions,
  FindOptions,
  FromHandleOptions,
  ImportKeyOptions,
  Interaction,
  LoginOptions,
  LoginSpec,
  MessageOptions,
  OpenSessionOptions,
  OperationStateOptions,
  Pin,
  PinAnswer,
  PinCallback,
  PinRequest,
  Pkcs11KeyPair,
  SessionEvents,
  SharedSessionsOptions,
  TracedCall,
  UseOptions,
  WrapOptions,
} from "./tokens/options.ts";
export type { CallOptions, IntoOptions, ResultOptions, SessionPoolOptions } from "./core/call_options.ts";
export { Session } from "./tokens/session.ts";
export { Parts, type PartsName, SyncParts } from "./tokens/parts.ts";
export { Decryptor, Digester, Encryptor, PartsSigner, PartsVerifier } from "./tokens/parts_async.ts";
export { SyncDecryptor, SyncDigester, SyncEncryptor, SyncPartsSigner, SyncPartsVerifier } from "./tokens/parts_sync.ts";
export { ecdsaSignatureFromDer, ecdsaSignatureToDer } from "./keys/forms/write_der.ts";
export type { JsonWebKeyFields, WrittenJsonWebKey } from "./keys/forms/json_web_key.ts";
export type { ExportedKeyFormats, ImmediateFormat, PublicKeyFormats, RuntimeCryptoKey } from "./keys/key_forms.ts";
export type { CryptoKeyInput, KeyInput, Passphrase } from "./keys/forms/read_key.ts";
export { X509 } from "./keys/x509.ts";
export * from "./certificates/mod.ts";
export { type SessionGroupOptions, sessionPool } from "./groups/several_tokens.ts";
export type { GroupedSigner } from "./groups/grouped_signer.ts";
export {
  SignerGroup,
  signerGroup,
  type SignerGroupEvents,
  type SignerGroupMember,
  type SignerGroupOptions,
} from "./signer/signer_group.ts";
export { publicJwk, type PublicJwkOptions } from "./signer/signing_key.ts";
export { TokenSigner, tokenSigner, type TokenSignerOptions } from "./signer/token_signer.ts";
export { Slot } from "./tokens/slot.ts";
export type { NamedCurve, ParameterSetName } from "./attributes/named_parameters.ts";
export type { DerivedName } from "./attributes/derived_attributes.ts";
export { SessionPool, type SessionPoolEvents, type SessionPoolMember } from "./tokens/shared_sessions.ts";
export type { SlotMatch } from "./tokens/find_slot.ts";
export type { TokenChange, WatchTokensOptions } from "./tokens/token_watch.ts";
export type { ConfigurationPaths } from "./config/mod.ts";
export { findByUri, type FindByUriOptions, type FindProblem } from "./find_by_uri.ts";
export type { LogCallsOptions, LoggedArgument, LoggedCall } from "./log_calls/mod.ts";
export * from "./pins/mod.ts";
export { loadModules, type RegisteredModuleProblem, type RegisteredModulesOptions } from "./registered_modules.ts";
export * from "./tls/mod.ts";
export * from "./trust/mod.ts";
export * from "./uri/mod.ts";
