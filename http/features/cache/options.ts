/** How a cache is made. */
import { checkMethods, checkOwnOptions, type OptionNames } from "../../../internal/expected.ts";
import { wholeLimit } from "../../../internal/time_limits.ts";
import { CacheMemoryStore } from "./memory_store.ts";
import type { PolicyOptions } from "./record.ts";
import type { StorageLimits } from "./stored_responses.ts";
import type { CacheStore } from "./store.ts";

/** Options of an `HttpCache`. */
export interface HttpCacheOptions {
  /** Whether several users share the cache: `private` responses are then not stored, and `s-maxage` counts. @default {false} */
  readonly shared?: boolean | undefined;
  /** Most bytes kept: bodies, header fields and URIs. @default {67108864} */
  readonly maxBytes?: number | undefined;
  /** Largest body stored, in bytes; by default an eighth of `maxBytes` but at least a MiB. */
  readonly maxEntryBytes?: number | undefined;
  /** What keeps the responses. @default {new CacheMemoryStore()} */
  readonly store?: CacheStore | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

const optionNames: OptionNames<HttpCacheOptions> = {
  shared: true,
  maxBytes: true,
  maxEntryBytes: true,
  store: true,
  now: true,
};

/** What a cache asks of every store. */
const METHODS: readonly (keyof CacheStore)[] = ["find", "open", "update", "read", "touch", "delete", "trim", "clear"];

/**
 * The options with their defaults.
 *
 * @throws {TypeError} For a store that is none of responses.
 */
export function readCacheOptions(
  options: HttpCacheOptions,
): { readonly store: CacheStore; readonly policy: PolicyOptions; readonly limits: StorageLimits } {
  checkOwnOptions("make a HttpCache", options, optionNames, ["now"]);
  const { shared = false, now = Date.now } = options;
  const store: CacheStore = options.store ?? new CacheMemoryStore();
  checkMethods("make a HttpCache", store, "a store of responses", METHODS);
  const maxBytes = wholeLimit("maxBytes", options.maxBytes ?? 64 << 20);
  const { maxEntryBytes = Math.min(maxBytes, Math.max(Math.floor(maxBytes / 8), 1 << 20)) } = options;
  const entryBytes = Math.min(wholeLimit("maxEntryBytes", maxEntryBytes), store.maxBodyBytes ?? Infinity);
  const limits = { bytes: maxBytes, entryBytes };
  return { store, policy: { shared, now }, limits };
}
