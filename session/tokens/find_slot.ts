/** The slot whose token is meant: by label, by URI, by what the token tells of itself. */
import { describeType, isPlainObject } from "../../ffi/memory/inputs.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error, SlotAmbiguousError, SlotNotFoundError } from "../errors.ts";
import { isSameToken, type SlotInfo, type TokenInfo } from "../core/infos.ts";
import { withoutNuls } from "../../ffi/memory/structs.ts";
import type { Module } from "./module.ts";
import type { Slot } from "./slot.ts";
import { Pkcs11Uri } from "../uri/mod.ts";

/** What is looked for: a token's label, a `pkcs11:` URI, or members of its information. */
export type SlotMatch = string | Partial<TokenInfo>;

/** A slot with what it and its token tell. */
export interface DescribedSlot {
  /** The slot. */
  readonly slot: Slot;
  /** What the slot tells. */
  readonly info: SlotInfo;
  /** What its token tells. */
  readonly token: TokenInfo;
}

/** A condition on slots, and what it is in words. */
export interface SlotCondition {
  /** In words. */
  readonly text: string;
  /** Whether a slot meets it. */
  meets(described: DescribedSlot): boolean;
}

/** Whether a text of a token is the one that is looked for, with the NULs a token may fill it with or without them. */
function isText(field: unknown, wanted: unknown): boolean {
  return field === wanted || typeof field === "string" && withoutNuls(field) === wanted;
}

/**
 * Reads what is looked for.
 *
 * @throws {TypeError} When it is nothing of the kind.
 * @throws {UriError} When it begins as a URI and is none.
 */
export function slotCondition(match: SlotMatch): SlotCondition {
  if (typeof match === "string") {
    if (!match.startsWith("pkcs11:")) {
      return { text: `the label ${JSON.stringify(match)}`, meets: ({ token }) => isText(token.label, match) };
    }
    const uri = Pkcs11Uri.parse(match);
    return {
      text: `the URI ${uri.format().split("?")[0]}`,
      meets: ({ info, slot, token }) => uri.matchToken(token) && uri.matchSlot(info, slot.id),
    };
  }
  if (!isPlainObject(match)) {
    throw new TypeError(`Cannot find a slot: expected a label, a pkcs11: URI or an object, got ${describeType(match)}`);
  }
  const wanted = Object.entries(match).filter(([, value]) => value !== undefined);
  for (const [name, value] of wanted) checkMember(name, value);
  return {
    text: wanted.length === 0
      ? "no condition"
      : wanted.map(([name, value]) => `${name} ${JSON.stringify(value, plain)}`).join(", "),
    meets: ({ token }) =>
      wanted.every(([name, value]) => {
        const told = token[name as keyof TokenInfo];
        return isText(told, value) || plainText(told) === plainText(value);
      }),
  };
}

const TEXTS: ReadonlySet<string> = new Set<keyof TokenInfo>([
  "label",
  "manufacturerId",
  "model",
  "serialNumber",
  "utcTime",
]);
const NUMBERS: ReadonlySet<string> = new Set<keyof TokenInfo>([
  "flags",
  "maxSessionCount",
  "sessionCount",
  "maxRwSessionCount",
  "rwSessionCount",
  "maxPinLen",
  "minPinLen",
  "totalPublicMemory",
  "freePublicMemory",
  "totalPrivateMemory",
  "freePrivateMemory",
]);
const VERSIONS: ReadonlySet<string> = new Set<keyof TokenInfo>(["hardwareVersion", "firmwareVersion"]);

/** What no token can have would find nothing, without a word. */
function checkMember(name: string, value: unknown): void {
  if (TEXTS.has(name)) return checkKind(name, value, "a string", typeof value === "string");
  if (NUMBERS.has(name)) return checkKind(name, value, "a number", /^(number|bigint)$/.test(typeof value));
  if (VERSIONS.has(name)) return checkKind(name, value, "{ major, minor }", isPlainObject(value));
  throw new TypeError(
    `Cannot find a slot: a token has no "${name}"; there are ${[...TEXTS, ...NUMBERS, ...VERSIONS].join(", ")}`,
  );
}

function checkKind(name: string, value: unknown, expected: string, isRight: boolean): void {
  if (!isRight) throw new TypeError(`Cannot find a slot: ${name} is ${expected}, got ${describeType(value)}`);
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

function plainText(value: unknown): string {
  return JSON.stringify(value, plain) ?? "";
}

/**
 * The one slot that meets the condition.
 *
 * @param slots What each tells, or why it does not; null where its token has gone meanwhile.
 * @throws {SlotNotFoundError} Where there is none; the tokens that are there are named.
 * @throws {SlotAmbiguousError} Where there is more than one.
 * @throws {Pkcs11Error} Where there is none, and a slot does not tell of its token: it could be that one.
 */
export function onlySlot(condition: SlotCondition, slots: readonly (DescribedSlot | Pkcs11Error | null)[]): Slot {
  const described = slots.filter((each): each is DescribedSlot => each !== null && !(each instanceof Pkcs11Error));
  const found = described.filter((each) => condition.meets(each));
  if (found.length === 1) return found[0]!.slot;
  if (found.length > 1) throw new SlotAmbiguousError(condition.text, found.length);
  const problem = slots.find((each) => each instanceof Pkcs11Error);
  if (problem !== undefined) throw problem;
  throw new SlotNotFoundError(condition.text, described.map(({ token }) => JSON.stringify(withoutNuls(token.label))));
}

/** Answers that mean the token has gone since the slots were listed. */
const GONE: ReadonlySet<number> = new Set([
  CKR.TOKEN_NOT_PRESENT,
  CKR.TOKEN_NOT_RECOGNIZED,
  CKR.DEVICE_REMOVED,
  CKR.SLOT_ID_INVALID,
]);

/** Null for a token that has gone; any other error is thrown on. */
export function goneToken(error: unknown): null {
  if (error instanceof Pkcs11Error && GONE.has(error.code)) return null;
  throw error;
}

/**
 * Why a slot does not tell of its token, which hinders no other slot; null where the token has gone. What is no answer of
 * the slot's, such as an abort or a module that was closed, is thrown on.
 */
export function slotProblem(error: unknown): Pkcs11Error | null {
  if (!(error instanceof Pkcs11Error) || error.code === CKR.CRYPTOKI_NOT_INITIALIZED) throw error;
  return GONE.has(error.code) ? null : error;
}

/** What a token is followed for. */
export interface FollowedFor {
  /** Completes "Cannot …". */
  readonly action: string;
  /** What to do where another token is in its slot. */
  readonly advice: string;
}

/** The token that a slot had at first, wherever it is: a PIN is for that one, and no other is tried with it. */
export class FollowedToken {
  /** Where it was last. */
  #slot: Slot;
  #token: TokenInfo | null = null;
  readonly #purpose: FollowedFor;

  /** Follows the token that is in a slot when it is first asked for. */
  constructor(slot: Slot, purpose: FollowedFor) {
    this.#slot = slot;
    this.#purpose = purpose;
  }

  /** The slot that it was in last. */
  get slot(): Slot {
    return this.#slot;
  }

  /**
   * The slot that it is in, and whether that is another one than last: the only one whose token tells the same of itself.
   *
   * @throws {Pkcs11Error} Where it is away, CKR_TOKEN_NOT_RECOGNIZED where another one is in its slot.
   */
  async follow(): Promise<{ readonly slot: Slot; readonly hasMoved: boolean }> {
    let here: TokenInfo | null = null;
    let gone: unknown;
    try {
      here = await this.#slot.tokenInfo();
    } catch (error) {
      goneToken(error);
      gone = error;
    }
    const token = this.#token ??= here;
    if (token !== null && here !== null && isSameToken(token, here)) return { slot: this.#slot, hasMoved: false };
    const slot = token === null ? null : await slotOfToken(this.#slot.module, token);
    if (slot !== null) {
      const hasMoved = !slot.equals(this.#slot);
      this.#slot = slot;
      return { slot, hasMoved };
    }
    if (token === null || here === null) throw gone;
    const { action, advice } = this.#purpose;
    throw new Pkcs11Error(CKR.TOKEN_NOT_RECOGNIZED, "C_OpenSession", {
      action,
      hint: `Its slot holds the token "${here.label}" now, not "${token.label}": ${advice}.`,
    });
  }
}

/** The slot that a token is in now; null where none has it, or several tokens tell the same of themselves. */
async function slotOfToken(module: Module, token: TokenInfo): Promise<Slot | null> {
  const found: Slot[] = [];
  for (const slot of await module.slots({ tokenPresent: true })) {
    if (isSameToken(token, await slot.tokenInfo().catch(untold))) found.push(slot);
  }
  return found.length === 1 ? found[0]! : null;
}

/** A slot that cannot tell of its token does not hinder others. */
function untold(error: unknown): undefined {
  if (!(error instanceof Pkcs11Error)) throw error;
}
