/** Options and callbacks shared by modules, slots, sessions and objects. */
import type { AttributeType, MechanismType, UserType } from "../../ffi/constants/mod.ts";
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { FunctionName } from "../../ffi/tables/functions.ts";
import type { AttributeName } from "../attributes/attribute_table.ts";
import type { TemplateInput } from "../attributes/attributes_init.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { DiscardHandleEvent } from "../core/events.ts";
import type { Passphrase } from "../keys/forms/read_key.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import type { Module } from "./module.ts";
import type { Pkcs11Object } from "./object.ts";
import type { Session } from "./session.ts";
import type { Slot } from "./slot.ts";

/** What is told to whoever is asked for a PIN. */
export interface PinRequest {
  /** The slot whose token wants it. */
  readonly slot: Slot;
  /** The key that wants a login for each use; `undefined` when the token is logged in to. */
  readonly object?: Pkcs11Object | undefined;
  /** The label of the key, else of the token. */
  readonly label: string;
  /** Whether the PIN given before was wrong. */
  readonly retry: boolean;
  /** Whether a wrong PIN has been given lately (CKF_USER_PIN_COUNT_LOW). */
  readonly countLow: boolean;
  /** Whether the next wrong PIN locks the token (CKF_USER_PIN_FINAL_TRY). */
  readonly finalTry: boolean;
}

/** A PIN that was asked for; `null` declines, and the call fails with CKR_FUNCTION_CANCELED. */
export type PinAnswer = string | BytesInput | null;

/**
 * Asks for a PIN. In a synchronous call it must answer at once. It may use the session and the object it is asked for; what
 * would wait for its own answer, such as closing the session, is refused with SessionBusyError. The signal of an
 * asynchronous call aborts when nobody waits for the answer any more: the call was aborted, or what it is for closed.
 *
 * A PIN that the token has refused is not tried again: the same answer ends the call with CKR_PIN_INCORRECT. Another one
 * is tried, but never in the place of the token's last try. An empty answer is refused with CKR_PIN_LEN_RANGE, untried,
 * where the token's PINs have a minimum length; `null` declines.
 */
export type PinCallback = (
  request: PinRequest,
  signal?: AbortSignal,
) => PinAnswer | Promise<PinAnswer>;

/**
 * A PIN: text (encoded as UTF-8), bytes, or a callback that is asked for it. Native copies are overwritten after use. An
 * empty one is refused with CKR_PIN_LEN_RANGE, untried, where the token's PINs have a minimum length.
 */
export type Pin = string | BytesInput | PinCallback;

/** Asks a person. A token with a protected authentication path is never asked for. */
export interface Interaction {
  /** Asks for a PIN; `null` declines. */
  askPin(request: PinRequest, signal?: AbortSignal): PinAnswer | Promise<PinAnswer>;
}

/** Who is asked when a token, or a key with CKA_ALWAYS_AUTHENTICATE, wants a PIN (`gp11_module_set_auto_authenticate`). */
export interface AutoAuthenticate {
  /** Asked when a session is opened on a token that wants a login. */
  readonly tokens?: PinCallback | undefined;
  /** Asked for each use of a key that wants it. */
  readonly objects?: PinCallback | undefined;
}

/** A login to make when a session is opened; skipped where the token needs none or has one. */
export interface LoginSpec {
  /**
   * Who logs in.
   *
   * @default {CKU.USER}
   */
  readonly userType?: UserType | undefined;
  /** The PIN; `null` uses the protected authentication path. */
  readonly pin: Pin | null;
  /**
   * PINs that a callback may try.
   *
   * @default {3}
   */
  readonly maxTries?: number | undefined;
}

/** How a PKCS#11 session is opened. */
export interface OpenSessionOptions extends CallOptions {
  /**
   * Whether objects on the token may be created and changed.
   *
   * @default {false}
   */
  readonly readWrite?: boolean | undefined;
  /** A login to make at once. */
  readonly login?: LoginSpec | undefined;
  /** Whom keys with CKA_ALWAYS_AUTHENTICATE, and the token if it wants a login, are asked for. */
  readonly interaction?: Interaction | undefined;
}

/** How a handle is wrapped. */
export interface FromHandleOptions {
  /**
   * Whether the handle was opened for reading and writing.
   *
   * @default {false}
   */
  readonly readWrite?: boolean | undefined;
  /** Whom keys with CKA_ALWAYS_AUTHENTICATE are asked for. */
  readonly interaction?: Interaction | undefined;
}

/** Events of a PKCS#11 session. */
export interface SessionEvents {
  /** The session gives up its handle. */
  "discard-handle": DiscardHandleEvent;
}

/** Keys of an operation state that the token cannot save. */
export interface OperationStateOptions extends CallOptions {
  /** The key that encrypts or decrypts. */
  readonly encryptionKey?: Pkcs11Object | undefined;
  /** The key that signs or verifies. */
  readonly authenticationKey?: Pkcs11Object | undefined;
}

/** How {@linkcode Session.login} is made. */
export interface LoginOptions extends CallOptions {
  /**
   * Whether a login that is not needed, or that another session has made, resolves `false` instead of failing.
   *
   * @default {false}
   */
  readonly ifNeeded?: boolean | undefined;
  /**
   * PINs that a callback may try.
   *
   * @default {3}
   */
  readonly maxTries?: number | undefined;
}

/** How objects are found. */
export interface FindOptions<R extends AttributeName | AttributeType = AttributeName | AttributeType>
  extends CallOptions {
  /** Attributes to read of each object that is found: names, or CKA numbers. */
  readonly read?: readonly R[] | undefined;
}

/** How objects are found of which something is read. */
export interface FindAndReadOptions<R extends AttributeName | AttributeType> extends FindOptions<R> {
  /** Attributes to read of each object that is found: names, or CKA numbers. */
  readonly read: readonly R[];
}

/** Data at hand, or what gives it piece by piece: a Blob or file, a stream of the web or of Node, an asynchronous iterable. */
export type DataInput = BytesInput | Blob | ReadableStream<Uint8Array> | AsyncIterable<BytesInput>;

/** A public key and its private key. */
export interface Pkcs11KeyPair {
  /** The public key. */
  readonly publicKey: Pkcs11Object;
  /** The private key. */
  readonly privateKey: Pkcs11Object;
}

/** A shared secret and what carries it to the owner of the private key. */
export interface EncapsulatedKey {
  /** The shared secret, as a key on the token. */
  readonly key: Pkcs11Object;
  /** What {@linkcode Session.decapsulateKey} needs to get the same. */
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

/** How a key is wrapped or unwrapped. */
export interface WrapOptions extends CallOptions {
  /** Data that is authenticated with the wrapped key (C_WrapKeyAuthenticated, PKCS#11 3.2). */
  readonly additionalData?: BytesInput | undefined;
  /** The same as `additionalData`, by the standard's name. */
  readonly associatedData?: BytesInput | undefined;
}

/** How `encryptMessage` and `decryptMessage` of a PKCS#11 session go about it. */
export interface MessageOptions extends CallOptions {
  /**
   * Data that is authenticated and not encrypted.
   *
   * By default none.
   */
  readonly additionalData?: BytesInput | undefined;
  /** The same as `additionalData`, by the standard's name. */
  readonly associatedData?: BytesInput | undefined;
}

/** How a key is brought in. */
export interface ImportKeyOptions extends CallOptions {
  /** What opens an encrypted key. */
  readonly passphrase?: Passphrase | undefined;
  /**
   * Whether a private or secret key that the token refuses to create (C_CreateObject) is brought in by C_UnwrapKey: the
   * token makes an AES key for the session and encrypts the key with it, in PKCS#8 where it is private. Some devices take
   * keys in no other way.
   *
   * @default {false}
   */
  readonly unwrap?: boolean | undefined;
}

/** How a shared secret is made. */
export interface EncapsulateOptions extends CallOptions {
  /** Attributes of the key that comes of it. */
  readonly attributes?: TemplateInput | undefined;
  /**
   * The mechanism.
   *
   * By default that of the key's type: CKM_ML_KEM.
   */
  readonly mechanism?: Mechanism | undefined;
}

/** The options of `slot.sessionPool()`: how the sessions of a {@linkcode SessionPool} are opened. */
export interface SharedSessionsOptions {
  /**
   * Sessions at once.
   *
   * @default {8}
   */
  readonly max?: number | undefined;
  /**
   * Whether objects on the token may be created and changed.
   *
   * @default {false}
   */
  readonly readWrite?: boolean | undefined;
  /** The login for all of them, made once. */
  readonly login?: LoginSpec | undefined;
  /** Whom keys with CKA_ALWAYS_AUTHENTICATE, and the token if it wants a login, are asked for. */
  readonly interaction?: Interaction | undefined;
  /**
   * Milliseconds after which a session that nobody uses is closed; the last one stays, as it keeps the login. 0 and
   * Infinity mean never.
   *
   * @default {60000}
   */
  readonly maxIdleMs?: number | undefined;
}

/** How a session of a pool is used. */
export interface UseOptions {
  /** Ends the wait for a session; the function itself is not stopped. */
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * One call of a module's function, as the tracing channel `gp11:call` of `node:diagnostics_channel` tells of it: the same
 * object at each of its events, without anything secret. An asynchronous call is told by `start` and `end` as it leaves
 * for a worker thread, then by `asyncStart` and `asyncEnd`; one in place by `start` and `end`. Before the last of them
 * comes `error`, where the function has failed. They are told in the asynchronous context that the operation was asked
 * for in. While somebody listens, calls that else travel to a worker together go one by one.
 *
 * @example Count the signatures of a program
 * ```ts
 * import type { TracedCall } from "@gp11/gp11";
 * import { tracingChannel } from "node:diagnostics_channel";
 *
 * let signatures = 0;
 * const count = (message: unknown) => void (signatures += (message as TracedCall).fn === "C_Sign" ? 1 : 0);
 * tracingChannel("gp11:call").start.subscribe(count);
 * tracingChannel("gp11:call").start.unsubscribe(count);
 * ```
 */
export interface TracedCall {
  /** The function, such as `C_Sign`. */
  readonly fn: FunctionName;
  /** The module; null while it is being loaded. */
  readonly module: Module | null;
  /** The slot, where the call is about one. */
  readonly slot?: Slot | undefined;
  /** The session, where the call is made in one that has been opened here. */
  readonly session?: Session | undefined;
  /** The type of the mechanism in use, a {@linkcode CKM} number. */
  readonly mechanism?: MechanismType | undefined;
  /** The label of the token, where it is known. */
  readonly token?: string | undefined;
  /** Whether it is made in place. */
  readonly sync: boolean;
  /** What the function returned, a {@linkcode CKR} number; missing before it has, and where it was not called. */
  readonly rv?: number | undefined;
  /** From the event `error` on, what the failure is: a {@linkcode Pkcs11Error}, or the reason of an abort. */
  readonly error?: unknown;
}
