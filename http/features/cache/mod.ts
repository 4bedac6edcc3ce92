/** The cache of responses and what keeps them. */
export { HttpCache } from "./http_cache.ts";
export { type HttpCacheOptions } from "./options.ts";
export { CacheFileStore } from "./file_store.ts";
export { CacheMemoryStore } from "./memory_store.ts";
export { type CacheRecord } from "./record.ts";
export { type CacheBody, type CacheEntry, type CacheStore, type CacheWriter } from "./store.ts";
