/** The cache of responses and what keeps them. */
export { HttpCache, type HttpCacheOptions } from "./http_cache.ts";
export { CacheFileStore } from "./file_store.ts";
export { CacheMemoryStore } from "./memory_store.ts";
export { type CacheRecord } from "./record.ts";
export { type CacheEntry, type CacheStore, type CacheWriter } from "./store.ts";
