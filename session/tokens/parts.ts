/** Operations whose data comes in parts: signers, verifiers, encryptors, decryptors and digesters. */
import { reportUncaught } from "../../internal/report_error.ts";
import { type BytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import { FN } from "../../ffi/engine/frame.ts";
import type { ActiveKind } from "../../ffi/engine/active.ts";
import type { FunctionName } from "../../ffi/tables/functions.ts";
import { prepareMechanism } from "../../ffi/memory/mechanisms.ts";
import {
  type BeginPartsArgs,
  digestKeyPart,
  endParts,
  type FinishArgs,
  finishParts,
  newParts,
  type PartArgs,
  type PartFunctions,
  type PartsUse,
  type UpdateArgs,
  updateParts,
  verifyParts,
} from "../../ffi/operations/parts.ts";
import { WholeBlocks } from "../../ffi/operations/whole_blocks.ts";
import { keyArgs, keyHandle, NO_KEY } from "./crypto_args.ts";
import { SessionBusyError, SessionClosedError } from "../errors.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import type { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import { coreOf } from "./session_contexts.ts";
import type { Session } from "./session.ts";
import type { SessionCore } from "../core/session_core.ts";

function functionsOf(kind: ActiveKind, stem: "Encrypt" | "Decrypt" | "Digest" | "Sign" | "Verify"): PartFunctions {
  const name = (suffix: string) => `C_${stem}${suffix}` as FunctionName;
  const init = name("Init");
  const once = name("");
  return {
    kind,
    init,
    initIndex: FN[init],
    once,
    onceIndex: FN[once],
    update: name("Update"),
    final: name("Final"),
    transforms: stem === "Encrypt" || stem === "Decrypt",
  };
}

/** A kind of operation in parts. */
export type PartsName = "encryptor" | "decryptor" | "digester" | "signer" | "verifier";

/** The functions of each kind. */
export const PARTS: { readonly [Name in PartsName]: PartFunctions } = {
  encryptor: functionsOf("encrypt", "Encrypt"),
  decryptor: functionsOf("decrypt", "Decrypt"),
  digester: functionsOf("digest", "Digest"),
  signer: functionsOf("sign", "Sign"),
  verifier: functionsOf("verify", "Verify"),
};

/** Makes an operation in parts; digests have no key. */
export type PartsMaker<P> = (session: Session, key: Pkcs11Object | null, mechanism: Mechanism) => P;

type State = "new" | "open" | "ended";

/** What may be shown of an operation in parts. */
export interface PartsShown {
  /** The type of its mechanism. */
  readonly mechanism: number;
  /** How far it is. */
  readonly state: State;
}

let shownAsync: (parts: Parts) => PartsShown;
let shownSync: (parts: SyncParts) => PartsShown;

/** What may be shown of an operation in parts. */
export function partsShown(parts: Parts | SyncParts): PartsShown {
  return parts instanceof Parts ? shownAsync(parts) : shownSync(parts);
}

/** A part on its way to the token. */
interface TakenPart extends UpdateArgs {
  /** Whether the data is a copy of ours, to be overwritten after use. */
  readonly copied: boolean;
}

/** One operation in parts under way, driven asynchronously or synchronously. */
class PartsState {
  readonly core: SessionCore;
  readonly functions: PartFunctions;
  readonly #name: PartsName;
  readonly #begin: BeginPartsArgs;
  readonly #blocks: WholeBlocks;
  /** The turn of the lane that is this operation's: with another one it was cancelled. */
  readonly #turn: number;
  readonly #use: PartsUse;
  #state: State = "new";
  /** Bytes of data whose result has not been given. */
  #owed = 0;

  constructor(session: Session, name: PartsName, key: Pkcs11Object | null, mechanism: Mechanism) {
    const core = coreOf(session);
    core.assertFree(`make a ${name}`);
    this.core = core;
    this.functions = PARTS[name];
    this.#name = name;
    this.#begin = {
      session: core.handle,
      ...(name === "digester" ? NO_KEY : keyArgs(core, `make a ${name}`, key!)),
      mechanism: prepareMechanism(mechanism),
      functions: this.functions,
    };
    this.#blocks = new WholeBlocks(this.functions.transforms ? this.#begin.mechanism.type : 0);
    this.#use = newParts(this.#begin);
    core.lane.open = name;
    this.#turn = core.lane.turn;
  }

  get shown(): PartsShown {
    const hasEnded = this.#state === "ended" || !this.#isOpen();
    return { mechanism: this.#begin.mechanism.type, state: hasEnded ? "ended" : this.#state };
  }

  /** What a step is given; the first one makes the operation active. */
  step(action: string): PartArgs {
    this.core.assertOpen(action);
    if (this.#state === "ended" || !this.#isOpen()) {
      throw new TypeError(`Cannot ${action}: the ${this.#name} has ended`);
    }
    const begin = this.#state === "new" ? this.#begin : null;
    this.#state = "open";
    this.core.lane.begun.add(this.#use);
    return { use: this.#use, functions: this.functions, begin, mechanism: this.#begin.mechanism.type };
  }

  update(chunk: BytesInput): TakenPart {
    const part = viewBytes(chunk, "a part");
    const step = this.step("take a part");
    this.#owed += part.length;
    return { ...step, ...this.#blocks.take(part), owed: this.#owed };
  }

  /** What a part gave. */
  given(part: TakenPart, output: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (part.copied) part.data.fill(0);
    this.#owed = Math.max(0, this.#owed - output.length);
    return output;
  }

  finish(): FinishArgs {
    const step = this.step("finish");
    return { ...step, rest: this.#blocks.rest(), owed: this.#owed };
  }

  key(key: Pkcs11Object): PartArgs & { readonly key: bigint } {
    const handle = keyHandle(this.core, "digest the key", key);
    return { ...this.step("take a key"), key: handle };
  }

  verification(signature: BytesInput): PartArgs & { readonly signature: Uint8Array } {
    const bytes = viewBytes(signature, "a signature");
    return { ...this.step("verify the signature"), signature: bytes };
  }

  /** Arguments of a call that ends the operation on the token, or `null` where nothing is active. */
  abandon(): { readonly use: PartsUse } | null {
    const active = this.#state === "open" && this.#isOpen();
    this.ended();
    // A session that is being closed ends what is begun by itself.
    return active && !this.core.closed ? { use: this.#use } : null;
  }

  /** Ends the operation on the token, after the calls before it. */
  async end(args: { readonly use: PartsUse }): Promise<void> {
    try {
      await this.core.run(endParts, args);
      this.gone();
    } catch (error) {
      // A session that was closed meanwhile has ended the operation itself.
      if (!(error instanceof SessionClosedError)) throw error;
    }
  }

  /** Nothing of the operation is left on the token. */
  gone(): void {
    this.core.lane.begun.delete(this.#use);
  }

  /** It has been finished. */
  finished(): void {
    this.gone();
    this.ended();
  }

  /** The session is free again. */
  ended(): void {
    if (this.#state !== "ended" && this.#isOpen()) this.core.lane.open = null;
    this.#state = "ended";
    this.#blocks.drop();
  }

  #isOpen(): boolean {
    return this.core.lane.turn === this.#turn;
  }
}

/** What operations in parts have in common when they are awaited. Steps may be started before the last one has ended. */
export abstract class Parts {
  readonly #state: PartsState;

  static {
    shownAsync = (parts) => parts.#state.shown;
  }

  /** Operations in parts come from a session, such as {@linkcode Session.signer} makes. */
  protected constructor(session: Session, name: PartsName, key: Pkcs11Object | null, mechanism: Mechanism) {
    this.#state = new PartsState(session, name, key, mechanism);
  }

  /** Takes a part. */
  protected take(chunk: BytesInput, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#step(async () => {
      const part = this.#state.update(chunk);
      return this.#state.given(part, await this.#state.core.run(updateParts, part, options));
    }, options);
  }

  /** Takes a key of the token as a part. */
  protected takeKey(key: Pkcs11Object, options?: CallOptions): Promise<void> {
    return this.#step(() => this.#state.core.run(digestKeyPart, this.#state.key(key), options), options);
  }

  /** Takes the end. */
  protected end(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#last(() => this.#state.core.run(finishParts, this.#state.finish(), options), options);
  }

  /** Takes the end of a verification. */
  protected endWith(signature: BytesInput, options?: CallOptions): Promise<boolean> {
    return this.#last(() => this.#state.core.run(verifyParts, this.#state.verification(signature), options), options);
  }

  /** Ends the operation if it was not finished; the session is free again. */
  async close(): Promise<void> {
    const args = this.#state.abandon();
    if (args) await this.#state.end(args);
  }

  /** Ends the operation if it was not finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Ends the operation if it was not finished, without waiting for it. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }

  async #last<T>(step: () => Promise<T>, options: CallOptions | undefined): Promise<T> {
    const result = await this.#step(step, options);
    this.#state.finished();
    return result;
  }

  /** A step that failed or was aborted ends the operation. */
  async #step<T>(step: () => Promise<T>, options: CallOptions | undefined): Promise<T> {
    try {
      return await step();
    } catch (error) {
      const closing = this.close();
      // The native call of an aborted step may run on: the operation is ended after it, and nobody waits for that.
      if (options?.signal?.aborted) closing.catch(reportUncaught);
      else await closing;
      throw error;
    }
  }
}

/** What operations in parts have in common when they run in place. */
export abstract class SyncParts {
  readonly #state: PartsState;

  static {
    shownSync = (parts) => parts.#state.shown;
  }

  /** Operations in parts come from a session, such as {@linkcode Session.signer} makes. */
  protected constructor(session: Session, name: PartsName, key: Pkcs11Object | null, mechanism: Mechanism) {
    this.#state = new PartsState(session, name, key, mechanism);
  }

  /** Takes a part. */
  protected take(chunk: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#step(() => {
      const part = this.#state.update(chunk);
      return this.#state.given(part, this.#state.core.runSync(updateParts, part, options));
    });
  }

  /** Takes a key of the token as a part. */
  protected takeKey(key: Pkcs11Object, options?: CallOptions): void {
    this.#step(() => this.#state.core.runSync(digestKeyPart, this.#state.key(key), options));
  }

  /** Takes the end. */
  protected end(options?: CallOptions): Uint8Array<ArrayBuffer> {
    const result = this.#step(() => this.#state.core.runSync(finishParts, this.#state.finish(), options));
    this.#state.finished();
    return result;
  }

  /** Takes the end of a verification. */
  protected endWith(signature: BytesInput, options?: CallOptions): boolean {
    const { core } = this.#state;
    const result = this.#step(() => core.runSync(verifyParts, this.#state.verification(signature), options));
    this.#state.finished();
    return result;
  }

  /** Ends the operation if it was not finished; the session is free again, or will be after the running call. */
  close(): void {
    const args = this.#state.abandon();
    if (!args) return;
    const { core } = this.#state;
    if (core.lane.busy) this.#state.end(args).catch(reportUncaught);
    else {
      core.runSync(endParts, args);
      this.#state.gone();
    }
  }

  /** Ends the operation if it was not finished. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Ends the operation if it was not finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #step<T>(step: () => T): T {
    // Nothing has happened to the operation then: it goes on when the other call has ended.
    if (this.#state.core.lane.busy) throw new SessionBusyError("take a step", "an asynchronous call");
    try {
      return step();
    } catch (error) {
      this.close();
      throw error;
    }
  }
}
