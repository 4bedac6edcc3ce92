/** The functions of pkcs11js whose results are more than their signature says, and how all of them are called. */
import type { Buffer } from "node:buffer";
import { AttributeQuery } from "../ffi/attributes/attribute_query.ts";
import { CKR, CKU } from "../ffi/constants/mod.ts";
import { FN } from "../ffi/engine/frame.ts";
import { type Block, word } from "../ffi/memory/block.ts";
import { encodeText } from "../ffi/memory/inputs.ts";
import { readStruct, structLayout } from "../ffi/memory/structs.ts";
import { CK_SESSION_INFO } from "../ffi/memory/structs_infos.ts";
import { mechanismInfo, mechanismList, moduleInfo, slotInfo, slotList, tokenInfo } from "../ffi/operations/modules.ts";
import { operationState } from "../ffi/operations/sessions.ts";
import { placePin } from "../ffi/operations/pins.ts";
import type { Call } from "./call.ts";
import { ASYNC_NAMES, CALLS } from "./calls.ts";
import { failed, Pkcs11Error, returned } from "./errors.ts";
import type { FrequentCalls } from "./frequent.ts";
import { mechanismInfoOf, moduleInfoOf, sessionInfoOf, slotInfoOf, tokenInfoOf } from "./infos.ts";
import { checkCount, handleArgument as handleIn, numberArgument } from "./invocation.ts";
import { blocks, Library } from "./library.ts";
import { templateEntries } from "./templates.ts";
import type {
  Handle,
  InitializationOptions,
  MechanismInfo,
  ModuleInfo,
  SessionInfo,
  SlotInfo,
  Template,
  TemplateResult,
  TokenInfo,
} from "./types.ts";
import { asBuffer, handleAt, handleBuffer, newBuffer } from "./values.ts";

const LABEL_LENGTH = 32;
const BLANK = 0x20;
/** Handles that are asked for at once, however many are wanted. */
const FOUND_AT_ONCE = 1024;

/** @internal */
type Dispatch<Result> = (of: Functions, call: Call, args: readonly unknown[]) => Result;

/** Makes a call in place. @internal */
export let callNow: Dispatch<unknown>;
/** Makes a call in place that begins an operation. @internal */
export let startNow: Dispatch<void>;
/** Makes a call in place that gives data for data. @internal */
export let wholeNow: Dispatch<unknown>;
/** Makes a call in place, or on another thread where a callback follows its arguments. @internal */
export let callOrTell: Dispatch<unknown>;
/** Makes a call that gives data for data in place, or on another thread. @internal */
export let wholeOrTell: Dispatch<unknown>;
/** Makes a call on another thread. @internal */
export let callAsync: Dispatch<Promise<unknown>>;

/** The functions whose results are more than their signature says. */
export class Functions {
  static {
    callNow = (of, call, args) => of.#call(call, args);
    startNow = (of, call, args) => {
      const frequent = args.length === call.kinds.length ? of.#frequent : null;
      if (frequent === null || !frequent.start(call, args[0], args[1], args[2])) of.#call(call, args);
    };
    wholeNow = (of, call, args) => {
      const frequent = args.length === call.kinds.length ? of.#frequent : null;
      return frequent?.whole(call, args[0], args[1], args[2]) ?? of.#call(call, args);
    };
    callOrTell = (of, call, args) => of.#callOrTell(call, args);
    wholeOrTell = (of, call, args) => {
      const frequent = args.length === call.kinds.length ? of.#frequent : null;
      return frequent?.whole(call, args[0], args[1], args[2]) ?? of.#callOrTell(call, args);
    };
    callAsync = (of, call, args) => of.#callAsync(call, args);
    // Its types do not tell of them, but pkcs11js has them, and its users know.
    for (const name of ASYNC_NAMES) {
      Object.defineProperty(this.prototype, `${name}Callback`, {
        value(this: Functions, ...args: unknown[]): void {
          this.#callAndTell(CALLS[name], args);
        },
        configurable: true,
        writable: true,
      });
    }
  }

  /** The path of the library; there is none before {@linkcode Functions.load}. */
  declare libPath: string;
  #library: Library | null = null;
  #frequent: FrequentCalls | null = null;

  /** Loads the library at a path, if one is given. */
  constructor(libPath?: string) {
    if (libPath) this.load(libPath);
  }

  /**
   * Loads a library. One that was loaded before is closed.
   *
   * @throws {ModuleLoadError} When there is none at the path, or it is no PKCS#11 module.
   */
  load(path: string): void {
    const library = new Library(path);
    this.close();
    this.#library = library;
    this.#frequent = library.frequent;
    this.libPath = path;
  }

  /** Gives the library up, and everything that was begun with it: C_Finalize is called where it was not. */
  close(): void {
    const library = this.#library;
    if (library?.isBegun) library.end();
    this.#library = null;
    this.#frequent = null;
  }

  /** Begins the use of the module: each PKCS11 object does, and the module's own C_Initialize is called for the first. */
  C_Initialize(options?: InitializationOptions | null): void {
    const library = this.#loaded("C_Initialize");
    if (options === undefined || options === null) return library.begin(undefined);
    if (typeof options !== "object") throw new TypeError("Argument 0 has wrong type. Should be an Object");
    const { flags, libraryParameters } = options;
    if (flags !== undefined && flags !== null) numberArgument(flags, 0, blocks().abi.ulong);
    if (libraryParameters !== undefined && typeof libraryParameters !== "string") {
      throw new TypeError("Argument 0 has wrong type. Property 'libraryParameters' should be a String");
    }
    if (libraryParameters?.includes("\0")) {
      throw new TypeError("Argument 0 has wrong value. Property 'libraryParameters' has a NUL character");
    }
    library.begin(libraryParameters);
  }

  /**
   * Ends the use of the module by this object, once its asynchronous calls have returned; the module's own C_Finalize is
   * called for the last who uses it in the process, by this class or by `Module`.
   */
  C_Finalize(): void {
    this.#loaded("C_Finalize").end();
  }

  /** What the module tells of itself. */
  C_GetInfo(): ModuleInfo {
    return moduleInfoOf(this.#loaded("C_GetInfo").run("C_GetInfo", moduleInfo, null));
  }

  /** The slots, all of them or those with a token. */
  C_GetSlotList(...args: [tokenPresent?: boolean]): Handle[] {
    const library = this.#loaded("C_GetSlotList");
    const tokenPresent = args.length === 0 ? false : args[0];
    if (typeof tokenPresent !== "boolean") throw new TypeError("Argument 0 has wrong type. Should be a Boolean");
    return library.run("C_GetSlotList", slotList, { tokenPresent }).map((slot) => this.#handle(slot));
  }

  /** What the module tells of a slot. */
  C_GetSlotInfo(...args: [slot: Handle]): SlotInfo {
    const library = this.#loaded("C_GetSlotInfo");
    return slotInfoOf(library.run("C_GetSlotInfo", slotInfo, { slot: only(args) }));
  }

  /** What the module tells of the token in a slot. */
  C_GetTokenInfo(...args: [slot: Handle]): TokenInfo {
    const library = this.#loaded("C_GetTokenInfo");
    return tokenInfoOf(library.run("C_GetTokenInfo", tokenInfo, { slot: only(args) }));
  }

  /** The mechanisms of the token in a slot. */
  C_GetMechanismList(...args: [slot: Handle]): number[] {
    const library = this.#loaded("C_GetMechanismList");
    return library.run("C_GetMechanismList", mechanismList, { slot: only(args) }).map(Number);
  }

  /** What the token tells of a mechanism. */
  C_GetMechanismInfo(...args: [slot: Handle, mech: number]): MechanismInfo {
    const library = this.#loaded("C_GetMechanismInfo");
    checkCount(2, args.length);
    const slot = handleArgument(args[0], 0);
    const type = BigInt(numberArgument(args[1], 1, blocks().abi.ulong));
    return mechanismInfoOf(library.run("C_GetMechanismInfo", mechanismInfo, { slot, type }));
  }

  /** Initialises a token, and returns its label. A PIN that is left out is typed at the token's own PIN pad. */
  C_InitToken(...args: [slot: Handle, pin?: string, label?: string]): string {
    const library = this.#loaded("C_InitToken");
    checkCount(3, args.length, 1);
    const slot = handleArgument(args[0], 0);
    for (const index of [1, 2]) {
      const type = typeof (args[index] ?? "");
      if (type !== "string") throw new TypeError(`Argument ${index} has wrong type. Should be a String`);
    }
    const label = args[2] ?? "";
    const bytes = encodeText(label, "a label");
    if (bytes.length > LABEL_LENGTH) throw new TypeError("Argument 2 has wrong length. Should be at most 32 bytes.");
    this.#withBlock((block) => {
      const room = block.alloc(LABEL_LENGTH);
      block.bytesAt(room, LABEL_LENGTH).fill(BLANK).set(bytes);
      const words = [slot, ...placePin({ block }, args[1] ?? null), block.address(room)];
      expectOk("C_InitToken", library.raw("C_InitToken", FN.C_InitToken, words, 0n));
    });
    return label;
  }

  /** Opens a session. */
  C_OpenSession(...args: [slot: Handle, flags: number]): Handle {
    const library = this.#loaded("C_OpenSession");
    checkCount(2, args.length);
    const slot = handleArgument(args[0], 0);
    return this.#handle(library.openSession(slot, BigInt(numberArgument(args[1], 1, blocks().abi.ulong))));
  }

  /** Closes a session, once its asynchronous calls have returned. */
  C_CloseSession(...args: [session: Handle]): void {
    this.#loaded("C_CloseSession").closeSession(only(args));
  }

  /** Closes the sessions on a slot, those that others in the process have opened by themselves excepted. */
  C_CloseAllSessions(...args: [slot: Handle]): void {
    this.#loaded("C_CloseAllSessions").closeAllSessions(only(args));
  }

  /** The state of a session. */
  C_GetSessionInfo(...args: [session: Handle]): SessionInfo {
    const library = this.#loaded("C_GetSessionInfo");
    const session = only(args);
    return this.#withBlock((block) => {
      const offset = block.alloc(structLayout(CK_SESSION_INFO, block.abi).size);
      const words = [session, block.address(offset)];
      expectOk("C_GetSessionInfo", library.raw("C_GetSessionInfo", FN.C_GetSessionInfo, words, session));
      return sessionInfoOf(readStruct(block, CK_SESSION_INFO, offset), block.abi.ulong);
    });
  }

  /** The state of the operation that is under way in a session. */
  C_GetOperationState(...args: [session: Handle]): Buffer {
    const library = this.#loaded("C_GetOperationState");
    const session = only(args);
    return asBuffer(library.run("C_GetOperationState", operationState, { session }, session));
  }

  /**
   * Logs in to the token of a session. A PIN that is left out is typed at the token's own PIN pad. Whoever finds the login
   * made by another, which CKR_USER_ALREADY_LOGGED_IN says, counts on it from then on.
   */
  C_Login(...args: [session: Handle, userType: number, pin?: string]): void {
    const counts = () => args[1] !== CKU.CONTEXT_SPECIFIC;
    try {
      callNow(this, CALLS.C_Login, args);
    } catch (error) {
      const isMade = error instanceof Pkcs11Error && error.code === CKR.USER_ALREADY_LOGGED_IN;
      if (isMade && counts()) this.#library!.loggedIn(handleArgument(args[0], 0), false);
      throw error;
    }
    if (counts()) this.#library!.loggedIn(handleArgument(args[0], 0), true);
  }

  /** Logs out of the token of a session; where other callers in the process count on the login, it is kept for them. */
  C_Logout(...args: [session: Handle]): void {
    this.#loaded("C_Logout").logout(only(args));
  }

  /** The next objects of a search, at most so many. */
  C_FindObjects(session: Handle, maxObjectCount: number): Handle[];
  /** The next object of a search. */
  C_FindObjects(session: Handle): Handle | null;
  C_FindObjects(...args: unknown[]): Handle[] | Handle | null {
    const library = this.#loaded("C_FindObjects");
    checkCount(2, args.length, 1);
    const session = handleArgument(args[0], 0);
    if (args.length === 1) return this.#find(library, session, 1)[0] ?? null;
    return this.#find(library, session, numberArgument(args[1], 1, blocks().abi.ulong));
  }

  /** Reads attributes of an object into the array that asks for them, and returns it. */
  C_GetAttributeValue(...args: [session: Handle, object: Handle, template: Template]): TemplateResult {
    const library = this.#loaded("C_GetAttributeValue");
    checkCount(3, args.length);
    const session = handleArgument(args[0], 0);
    const object = handleArgument(args[1], 1);
    const template = args[2];
    const types = templateEntries(template, 2, blocks().abi.ulong).map(({ type }) => type);
    const values = this.#withBlock((block) => {
      block.secret = true;
      const query = new AttributeQuery(block, types);
      const [address, count] = query.words();
      const words = [session, object, address, count];
      expectOk("C_GetAttributeValue", library.raw("C_GetAttributeValue", FN.C_GetAttributeValue, words, session));
      query.makeRoom();
      expectOk("C_GetAttributeValue", library.raw("C_GetAttributeValue", FN.C_GetAttributeValue, words, session));
      return types.map((_, index) => query.value(index, newBuffer));
    });
    for (let index = 0; index < values.length; index++) (template[index] as { value: unknown }).value = values[index];
    return template as TemplateResult;
  }

  /** The slot in which something has happened; `null` where nothing has. Without CKF_DONT_BLOCK it is waited for. */
  C_WaitForSlotEvent(...args: [flags: number]): Handle | null {
    const library = this.#loaded("C_WaitForSlotEvent");
    checkCount(1, args.length);
    const flags = numberArgument(args[0], 0, blocks().abi.ulong);
    return this.#withBlock((block) => {
      const slot = block.alloc(block.abi.ulong);
      const words = [BigInt(flags), block.address(slot), 0n];
      const rv = library.raw("C_WaitForSlotEvent", FN.C_WaitForSlotEvent, words, 0n);
      if (rv === CKR.NO_EVENT) return null;
      expectOk("C_WaitForSlotEvent", rv);
      return handleAt(block, slot);
    });
  }

  #call(call: Call, args: readonly unknown[]): unknown {
    const library = this.#loaded(call.name);
    if (args.length !== call.kinds.length) checkCount(call.kinds.length, args.length, call.least);
    return library.call(call, args);
  }

  #callOrTell(call: Call, args: readonly unknown[]): unknown {
    return args.length > call.kinds.length ? this.#callAndTell(call, args) : this.#call(call, args);
  }

  #callAndTell(call: Call, args: readonly unknown[]): void {
    const library = this.#loaded(call.name);
    const { length } = call.kinds;
    checkCount(length + 1, args.length);
    const callback = args[length];
    if (typeof callback !== "function") {
      throw new TypeError(`Argument ${length} has wrong type. Should be a Function`);
    }
    // What the callback throws is nobody's here, and what it calls must not meet this call.
    library.callLater(call, args, (error, result) => queueMicrotask(() => callback(error, result)));
  }

  #callAsync(call: Call, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const library = this.#loaded(call.name);
      checkCount(call.kinds.length + 1, args.length + 1);
      library.callLater(call, args, (error, result) => error === null ? resolve(result) : reject(error));
    });
  }

  #find(library: Library, session: bigint, wanted: number): Handle[] {
    const { ulong } = blocks().abi;
    return this.#withBlock((block) => {
      const room = block.alloc(Math.min(wanted, FOUND_AT_ONCE) * ulong || 1);
      const count = block.alloc(ulong);
      const found: Handle[] = [];
      for (;;) {
        const asked = Math.min(wanted - found.length, FOUND_AT_ONCE);
        const words = [session, block.address(room), word(asked), block.address(count)];
        expectOk("C_FindObjects", library.raw("C_FindObjects", FN.C_FindObjects, words, session));
        const given = block.getLength(count) ?? Infinity;
        if (given > asked) {
          throw new RangeError(`Cannot use the module's answer: ${given} handles where ${asked} had room`);
        }
        for (let index = 0; index < given; index++) found.push(handleAt(block, room + index * ulong));
        if (given < asked || found.length === wanted) return found;
      }
    });
  }

  #handle(handle: bigint): Handle {
    return handleBuffer(handle, blocks().abi.ulong);
  }

  #withBlock<T>(body: (block: Block) => T): T {
    const pool = blocks();
    const block = pool.take();
    try {
      return body(block);
    } finally {
      pool.give(block);
    }
  }

  #loaded(method: string): Library {
    if (this.#library === null) throw notLoaded(method);
    return this.#library;
  }
}

function notLoaded(method: string): Error {
  return failed("PKCS11 module not loaded yet", method);
}

function expectOk(method: string, rv: number): void {
  if (rv !== CKR.OK) throw returned(rv, method);
}

function handleArgument(value: unknown, index: number): bigint {
  return handleIn(value, index, blocks().abi.ulong);
}

/** The handle that is a function's only argument. */
function only(args: readonly unknown[]): bigint {
  checkCount(1, args.length);
  return handleArgument(args[0], 0);
}
