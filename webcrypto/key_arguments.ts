/**
 * Keys as arguments: those of the token, those of other implementations that may leave them, and nothing else.
 *
 * @module
 */
import { runtimeCrypto } from "../internal/runtime.ts";
import { describeType } from "../ffi/memory/inputs.ts";
import { type KeySlots, slotsOf, type TokenCryptoKey, type TokenKeyUsage } from "./contract/crypto_key.ts";
import { refusal } from "./contract/errors.ts";
import type { TokenAccess } from "./contract/token_access.ts";
import type { WebCryptoJsonKey } from "./contract/web_types.ts";
import { normalize } from "./normalize.ts";

/** A key that was given, of whatever implementation. */
export interface KeyArgument {
  readonly key: object;
  readonly type: string;
  readonly name: string;
  readonly algorithm: object;
  readonly extractable: boolean;
  readonly usages: readonly string[];
  /** What it is, where it is a key of a token. */
  readonly slots: KeySlots | undefined;
}

/** Keys of others that were taken, for as long as they live. */
const taken = new WeakMap<TokenAccess, WeakMap<object, Promise<TokenCryptoKey>>>();

function isRuntimeKey(value: unknown): value is CryptoKey {
  return typeof CryptoKey !== "undefined" && value instanceof CryptoKey;
}

/**
 * Looks at a key.
 *
 * @throws {TypeError} for what is no key of a token or of the runtime
 */
export function keyArgument(value: unknown, what = "the key"): KeyArgument {
  const slots = slotsOf(value);
  if (slots !== undefined) {
    const { algorithm, extractable, type, usages } = slots;
    return { key: value as object, type, name: algorithm.name, algorithm, extractable, usages, slots };
  }
  if (!isRuntimeKey(value)) {
    throw new TypeError(`Cannot use ${what}: expected a CryptoKey, got ${describeType(value)}`);
  }
  const { algorithm, extractable, type, usages } = value;
  return { key: value, type, name: algorithm.name, algorithm, extractable, usages, slots: undefined };
}

/**
 * Checks what a key is for.
 *
 * @throws {DOMException} InvalidAccessError
 */
export function checkUse({ name, usages }: KeyArgument, algorithm: string, usage: TokenKeyUsage): void {
  if (name !== algorithm) {
    throw refusal("InvalidAccessError", `Cannot use the key with ${algorithm}: it is a key of ${name}`);
  }
  if (!usages.includes(usage)) {
    throw refusal("InvalidAccessError", `Cannot use the key: "${usage}" is none of its usages`);
  }
}

/** Whether a key lives on a token. */
export function isOwn(access: TokenAccess, { slots }: KeyArgument): boolean {
  return slots !== undefined && (slots.access === access || slots.access.slot.equals(access.slot));
}

/**
 * The key on the token: a key of another implementation or token is brought in, if it may leave it.
 *
 * @throws {DOMException} InvalidAccessError where it may not
 */
export async function onToken(access: TokenAccess, given: KeyArgument): Promise<KeySlots> {
  if (isOwn(access, given)) return given.slots!;
  if (!given.extractable) {
    throw refusal("InvalidAccessError", "Cannot use the key: it is another implementation's and not extractable");
  }
  let known = taken.get(access);
  if (known === undefined) taken.set(access, known = new WeakMap());
  const before = known.get(given.key);
  if (before !== undefined) {
    const slots = slotsOf(await before)!;
    if (!slots.held.session.closed) return slots;
    if (known.get(given.key) === before) known.delete(given.key);
  }
  let key = known.get(given.key);
  if (key === undefined) {
    known.set(given.key, key = take(access, given));
    // What failed is tried again with the next call.
    key.catch(() => known.delete(given.key));
  }
  return slotsOf(await key)!;
}

async function take(access: TokenAccess, given: KeyArgument): Promise<TokenCryptoKey> {
  const { algorithm, extractable, key, slots, usages } = given;
  const { family, parameters } = normalize(access, "importKey", algorithm);
  const data = slots === undefined
    ? await runtimeCrypto().subtle.exportKey("jwk", key as CryptoKey)
    : await normalize(slots.access, "exportKey", slots.algorithm.name).family.exportKey!(
      "jwk",
      slots,
    ) as WebCryptoJsonKey;
  const known = usages as readonly TokenKeyUsage[];
  return await family.importKey!({ access, parameters, form: "jwk", data, extractable, usages: known });
}
