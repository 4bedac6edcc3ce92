/** Tokens that come and go, watched by looking at the slots again and again: every module can do that. */
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { leaveSignal } from "../../internal/signals.ts";
import { isSameToken, type TokenInfo } from "../core/infos.ts";
import { Pkcs11Error } from "../errors.ts";
import { slotProblem } from "./find_slot.ts";
import type { Module } from "./module.ts";
import type { Slot } from "./slot.ts";

/** A token that has come, or one that has gone. */
export type TokenChange =
  | {
    /** The slot. */
    readonly slot: Slot;
    /** What has happened. */
    readonly change: "inserted";
    /** What the token tells of itself. */
    readonly token: TokenInfo;
  }
  | {
    /** The slot. */
    readonly slot: Slot;
    /** What has happened. */
    readonly change: "removed";
    /** What the token told of itself while it was there. */
    readonly token: TokenInfo;
  };

/** How tokens are watched. */
export interface WatchTokensOptions {
  /** Ends the watch: the loop throws `signal.reason`. */
  readonly signal?: AbortSignal | null | undefined;
}

/** Milliseconds between two looks. */
const PACE = 250;

/** Slots with their tokens, by slot number. */
type Seen = Map<bigint, { readonly slot: Slot; readonly token: TokenInfo }>;

/** The changes from the first step on; those that happen while nobody asks are kept. */
export class TokenWatch implements AsyncIterableIterator<TokenChange> {
  readonly #module: Module;
  readonly #signal: AbortSignal | null | undefined;
  readonly #changes: TokenChange[] = [];
  #seen: Seen = new Map();
  #looking: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;
  #wake: (() => void) | null = null;

  /** Watches a module's slots. */
  constructor(module: Module, options: WatchTokensOptions) {
    checkOptions(options);
    this.#module = module;
    this.#signal = options.signal;
    options.signal?.throwIfAborted();
    options.signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  readonly #aborted = (): void => this.#fail(this.#signal!.reason);

  /** The next change; the tokens that are there come first. */
  async next(): Promise<IteratorResult<TokenChange>> {
    for (;;) {
      const change = this.#changes.shift();
      if (change !== undefined) return { done: false, value: change };
      if (this.#failure !== null) {
        const { error } = this.#failure;
        this.#failure = null;
        this.#end();
        throw error;
      }
      if (this.#isOver) return { done: true, value: undefined };
      this.#start();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Ends the watch. */
  return(): Promise<IteratorResult<TokenChange>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): void {
    if (this.#looking === null && this.#timer === undefined) this.#looking = this.#look();
  }

  async #look(): Promise<void> {
    try {
      const now = await this.#tokens();
      if (this.#isOver) return;
      for (const [id, { slot, token }] of this.#seen) {
        if (!isSameToken(token, now.get(id)?.token)) this.#changes.push({ slot, change: "removed", token });
      }
      for (const [id, { slot, token }] of now) {
        if (!isSameToken(token, this.#seen.get(id)?.token)) this.#changes.push({ slot, change: "inserted", token });
      }
      this.#seen = now;
    } catch (error) {
      this.#fail(error);
    }
    this.#looking = null;
    if (!this.#isOver && this.#failure === null) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#looking = this.#look();
      }, PACE);
    }
    if (this.#changes.length > 0) this.#awake();
  }

  async #tokens(): Promise<Seen> {
    const seen: Seen = new Map();
    for (const slot of await this.#module.slots({ tokenPresent: true, signal: this.#signal })) {
      const token = await slot.tokenInfo({ signal: this.#signal }).catch(slotProblem);
      // One that does not answer has not gone: it is what it was, or nothing is known of it yet.
      const known = token instanceof Pkcs11Error ? this.#seen.get(slot.id)?.token : token;
      if (known) seen.set(slot.id, { slot, token: known });
    }
    return seen;
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    clearTimeout(this.#timer);
    this.#awake();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#signal) leaveSignal(this.#signal, this.#aborted);
    this.#awake();
  }
}
