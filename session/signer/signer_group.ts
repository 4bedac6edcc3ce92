/**
 * One key on several tokens: a signer that goes on with the others when one of them is away.
 *
 * @module
 */
import { type BytesInput, copyBytes, describeType, isUint8Array } from "../../ffi/memory/inputs.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { leaveSignal, orAborted } from "../../internal/signals.ts";
import { isSameBytes } from "../../internal/bytes.ts";
import { TypedEventTarget } from "../../internal/events.ts";
import { checkOptions as checkGroupOptions, MAX_TIMER, milliseconds } from "../../internal/expected.ts";
import { NotSupportedError } from "../../internal/error_brand.ts";
import { runtimeName } from "../../internal/runtime.ts";
import { MemberEvent } from "../core/events.ts";
import { type Fault, faultOf, isOfDevice, type Member, Members, readRetryAfter } from "../groups/members.ts";
import { checkSameKey, type GroupedSigner } from "../groups/grouped_signer.ts";
import type { JsonWebKeyFields } from "../keys/forms/json_web_key.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How a {@linkcode SignerGroup} deals with members that fail. */
export interface SignerGroupOptions {
  /**
   * Milliseconds that a member may take for one signature; calls that wait for others of the same member have as many
   * times longer. A member that takes more is left out, and the call goes to the next one. 0 and Infinity are no limit.
   *
   * @default {Infinity}
   */
  readonly slowAfter?: number | undefined;
  /**
   * Milliseconds after which a member that was left out is tried again, with the message it failed on; 0 and Infinity
   * mean never.
   *
   * @default {5000}
   */
  readonly retryAfter?: number | undefined;
}

/** One member of a {@linkcode SignerGroup}. */
export interface SignerGroupMember {
  /** What signs. */
  readonly signer: GroupedSigner;
  /** Whether calls go to it. */
  readonly state: "in" | "out";
  /** Why it is left out; absent while it is not. */
  readonly error?: unknown;
}

/** The events of a {@linkcode SignerGroup}. */
export interface SignerGroupEvents {
  /** A member is left out. */
  "member-out": MemberEvent<SignerGroupMember>;
  /** A member has come back. */
  "member-in": MemberEvent<SignerGroupMember>;
}

/** What a group knows of a member besides its state. */
interface Part {
  readonly signer: GroupedSigner;
  /** Its calls, each with what ends it. */
  readonly calls: Set<AbortController>;
  /** Whether it is known to have the key of the others. */
  isProven: boolean;
  /** What it failed on: with that it is tried again. */
  failedOn: Bytes | null;
}

/** What members with one secret key make of {@linkcode PROOF}. */
interface Proof {
  readonly made: Bytes;
  /** The member that has made it; null once another has made the same. */
  author: Part | null;
  /** Whether another member has made something else, and the author is to say again what is right. */
  isDisputed: boolean;
}

/** One signature that a member is to make. */
interface Step {
  readonly member: Member<Part>;
  readonly message: Bytes;
}

/** What members with a secret key sign to show that it is one key; the signature goes nowhere. */
const PROOF: Bytes = new TextEncoder().encode("gp11: do these signers have one key?") as Bytes;

/**
 * One key on several tokens as one signer. A signature is made by the member with the fewest calls; where a member is
 * away, broken, locked or slow it is left out and tried again later, and the call goes to the next one. Groups come from
 * {@linkcode signerGroup}, and work wherever a signer does.
 */
export class SignerGroup extends TypedEventTarget<SignerGroupEvents> {
  /** The algorithm by its JOSE name. */
  readonly algorithm: string;
  /** What names the key: the key id of the first member. */
  readonly keyId: string;
  readonly #publicKey: JsonWebKeyFields | null;
  readonly #members: Members<Part>;
  readonly #slowAfter: number;
  /** What members make of {@linkcode PROOF}, where keys are secret; null until one has. */
  #proof: Proof | null = null;

  /** A group of signers: see {@linkcode signerGroup}. */
  constructor(signers: readonly GroupedSigner[], options: SignerGroupOptions = {}) {
    super();
    checkGroupOptions("make a group of signers", options);
    this.#publicKey = checkSameKey(signers);
    this.#slowAfter = milliseconds("slowAfter", options.slowAfter ?? Infinity);
    this.algorithm = signers[0]!.algorithm;
    this.keyId = signers[0]!.keyId;
    const isProven = this.#publicKey !== null;
    const parts = signers.map((signer): Part => ({ signer, calls: new Set(), isProven, failedOn: null }));
    this.#members = new Members(parts, readRetryAfter(options.retryAfter), {
      tryAgain: async (member) => {
        const { part } = member;
        const mustProve = this.#mustProve(member);
        if (mustProve) this.#prove(part, await this.#call({ member, message: PROOF }, undefined));
        if (!mustProve || part.failedOn !== null) {
          await this.#call({ member, message: part.failedOn ?? PROOF }, undefined);
        }
      },
      left: (member) => {
        member.part.isProven = isProven;
        this.dispatchEvent(new MemberEvent("member-out", shown(member)));
        // What it has not answered yet goes to the others at once.
        for (const call of [...member.part.calls]) call.abort(member.error);
      },
      cameBack: (member) => {
        member.part.failedOn = null;
        this.dispatchEvent(new MemberEvent("member-in", shown(member)));
      },
    });
  }

  /** The members as they are now, in the order they were given. */
  get members(): readonly SignerGroupMember[] {
    return this.#members.all.map(shown);
  }

  /**
   * Signs a message with the member that has the fewest calls, and with the next one where that fails. The bytes are
   * copied when the call is made.
   *
   * @param message What is signed, itself and not its hash.
   * @param options A signal that ends the call.
   * @returns The signature in JOSE's form.
   * @throws {TypeError} When the message is not bytes.
   * @throws {Pkcs11Error} What a token answers that is not the token's fault; when all members are out, why the last one
   * is.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async sign(
    message: BytesInput,
    options: { readonly signal?: AbortSignal | null | undefined } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = copyBytes(message, "a message to sign");
    checkOptions(options);
    const { signal } = options;
    signal?.throwIfAborted();
    const steps = this.#steps(bytes, new Set(), faultOf);
    let step = steps.next();
    while (!step.done) {
      let outcome: { readonly made: Bytes } | { readonly error: unknown };
      try {
        outcome = { made: await this.#call(step.value, signal) };
      } catch (error) {
        outcome = { error };
      }
      signal?.throwIfAborted();
      step = "made" in outcome ? steps.next(outcome.made) : steps.throw(outcome.error);
    }
    return step.value;
  }

  /**
   * Signs a message in place: see {@linkcode SignerGroup.sign}. A member that is busy is passed over; one that is slow
   * is waited for.
   *
   * @param message What is signed, itself and not its hash.
   * @returns The signature in JOSE's form.
   * @throws {TypeError} When the message is not bytes.
   * @throws {Pkcs11Error} What a token answers that is not the token's fault.
   * @throws {NotSupportedError} When no member signs in place.
   */
  signSync(message: BytesInput): Uint8Array<ArrayBuffer> {
    const bytes = copyBytes(message, "a message to sign");
    const unable = this.#members.all.filter(({ part }) => part.signer.signSync === undefined);
    if (unable.length === this.#members.all.length) {
      throw new NotSupportedError("sign synchronously", runtimeName(), "no signer of the group has signSync");
    }
    const steps = this.#steps(bytes, new Set(unable), faultInPlace);
    let step = steps.next();
    while (!step.done) {
      let outcome: { readonly made: Bytes } | { readonly error: unknown };
      try {
        const { member, message } = step.value;
        outcome = { made: bytesOf(member.part.signer.signSync!(message.slice())) };
      } catch (error) {
        outcome = { error };
      }
      step = "made" in outcome ? steps.next(outcome.made) : steps.throw(outcome.error);
    }
    return step.value;
  }

  /**
   * The public key as a JSON Web Key, as the first member tells it.
   *
   * @throws {TypeError} For a secret key, which has no public half.
   */
  publicJwk(): JsonWebKeyFields {
    if (this.#publicKey === null) throw new TypeError("Cannot give the public key: a secret key has no public half");
    return { ...this.#publicKey };
  }

  /** Which member signs, and what comes of its answer; driven by {@linkcode sign} and {@linkcode signSync}. */
  *#steps(
    message: Bytes,
    passed: Set<Member<Part>>,
    judge: (error: unknown) => Fault,
  ): Generator<Step, Bytes, Bytes> {
    const doubtful: { readonly member: Member<Part>; readonly error: unknown }[] = [];
    let last = this.#members.lastError;
    for (;;) {
      const member = this.#members.next(passed);
      if (member === null) throw last;
      passed.add(member);
      try {
        if (this.#mustProve(member)) this.#prove(member.part, yield { member, message: PROOF });
        const signature = yield { member, message };
        // Another member could do it: it was not the message.
        for (const each of doubtful) this.#leave(each.member, each.error, message);
        this.#members.comeBack(member);
        return signature;
      } catch (error) {
        const fault = judge(error);
        if (fault === "input") throw error;
        last = error;
        if (error instanceof OtherKeyError || error instanceof NoSignatureError) this.#leave(member, error, message);
        else if (fault === "unclear") doubtful.push({ member, error });
        else if (fault !== "busy") this.#leave(member, error, message);
      }
    }
  }

  #leave(member: Member<Part>, error: unknown, message: Bytes): void {
    member.part.failedOn = message;
    this.#members.leave(member, error);
  }

  /** One that is out may come back with another key. */
  #mustProve({ part, state }: Member<Part>): boolean {
    return this.#publicKey === null && (state === "out" || !part.isProven);
  }

  /** Secret keys are compared by what they make of one message. */
  #prove(part: Part, made: Bytes): void {
    const proof = this.#proof;
    if (proof === null || proof.isDisputed && proof.author === part) {
      this.#proof = { made, author: part, isDisputed: false };
    } else if (isSameBytes(made, proof.made)) {
      if (proof.author !== part) proof.author = null;
      proof.isDisputed = false;
    } else {
      // Of two that differ the first may be the one that is wrong.
      if (proof.author !== null && proof.author !== part) {
        proof.isDisputed = true;
        proof.author.isProven = false;
      }
      throw new OtherKeyError();
    }
    part.isProven = true;
  }

  /** Lets a member sign, within its time, unless it is left out or the caller gives up meanwhile. */
  async #call({ member, message }: Step, signal: AbortSignal | null | undefined): Promise<Bytes> {
    const { calls, signer } = member.part;
    const call = new AbortController();
    const giveUp = (): void => call.abort(signal!.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    const timer = this.#limit(member, call);
    calls.add(call);
    member.calls++;
    try {
      return bytesOf(await orAborted(signer.sign(message.slice(), { signal: call.signal }), call.signal));
    } finally {
      member.calls--;
      calls.delete(call);
      clearTimeout(timer);
      if (signal) leaveSignal(signal, giveUp);
    }
  }

  /** The calls that are ahead of this one take their time first. */
  #limit({ calls }: Member<Part>, call: AbortController): ReturnType<typeof setTimeout> | undefined {
    if (this.#slowAfter === 0) return undefined;
    const limit = Math.min(this.#slowAfter * (calls + 1), MAX_TIMER);
    return setTimeout(() => call.abort(new SlowMemberError(limit)), limit);
  }
}

/** A member that has not answered in time. */
class SlowMemberError extends DOMException {
  constructor(limit: number) {
    super(`Cannot sign with a member of the group: it has not answered for ${limit} ms`, "TimeoutError");
  }
}

/** A member with another secret key than the first one that signed. */
class OtherKeyError extends TypeError {
  constructor() {
    super("Cannot sign with a member of the group: its secret key is another than that of the others");
  }
}

/** A member that gives something else than a signature. */
class NoSignatureError extends TypeError {
  constructor(made: unknown) {
    super(`Cannot sign with a member of the group: expected a Uint8Array, got ${describeType(made)}`);
  }
}

/**
 * What a member has made.
 *
 * @throws {NoSignatureError} When that is no bytes.
 */
function bytesOf(made: unknown): Bytes {
  if (isUint8Array(made)) return made as Bytes;
  throw new NoSignatureError(made);
}

/** In place a signer has one session; that it has died says nothing of its token, on which others may be open. */
function faultInPlace(error: unknown): Fault {
  const fault = faultOf(error);
  return fault === "token" && !isOfDevice(error) ? "busy" : fault;
}

function shown({ error, part, state }: Member<Part>): SignerGroupMember {
  return { signer: part.signer, state, ...(state === "out" ? { error } : {}) };
}

/**
 * Makes one signer of several that have the same key, on tokens of this machine or, through p11-kit, of others. Their
 * public keys are compared here; secret keys are compared by a signature before a member's first one is used, and when it
 * comes back.
 *
 * A member is left out when its device or token is away or answers with an error (CKR_DEVICE_…, CKR_TOKEN_NOT_PRESENT …),
 * its sessions are closed, it is slow, or its PIN is refused or locked; what every member refuses is the caller's error.
 * A member whose PIN was refused stays out: another try could lock its token. Give each member a pool as `sessions`, so
 * that it finds its key again when its token comes back.
 *
 * @param signers The members.
 * @param options When a member is too slow, and when it is tried again.
 * @throws {TypeError} When there is none, something is no signer, or one has another key or algorithm than the first.
 * @throws {RangeError} When a time is negative.
 *
 * @example Sign with whichever of two tokens is free
 * ```ts
 * import { type Pkcs11Object, type SignerGroup, signerGroup, tokenSigner } from "@gp11/gp11";
 *
 * async function onBoth(key: Pkcs11Object, copy: Pkcs11Object): Promise<SignerGroup> {
 *   const group = signerGroup([await tokenSigner(key), await tokenSigner(copy)], { slowAfter: 2000 });
 *   group.addEventListener("member-out", ({ member }) => console.warn("A token has left", member.error));
 *   return group;
 * }
 * ```
 */
export function signerGroup(signers: readonly GroupedSigner[], options: SignerGroupOptions = {}): SignerGroup {
  return new SignerGroup(signers, options);
}
