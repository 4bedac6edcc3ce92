// A store of cached responses in memory that answers as one elsewhere does.
import {
  type CacheBody,
  type CacheEntry,
  CacheMemoryStore,
  type CacheStore,
  type CacheWriter,
} from "../../http/features/cache/store.ts";

/** It answers later, and fails when it is told to. */
export class LateStore implements CacheStore {
  readonly synchronous = false;
  readonly #store = new CacheMemoryStore();
  fails = false;

  async #later<T>(value: () => T | Promise<T>): Promise<T> {
    await new Promise((resolve) => setTimeout(resolve));
    if (this.fails) throw new Error("The store is gone");
    return await value();
  }

  get bytes(): number {
    return this.#store.bytes;
  }
  get size(): number {
    return this.#store.size;
  }
  find(uri: string): Promise<CacheEntry[]> {
    return this.#later(() => this.#store.find(uri));
  }
  open(): Promise<CacheWriter> {
    return this.#later(() => {
      const writer = this.#store.open();
      return {
        write: (chunk: Uint8Array) => this.#later(() => writer.write(chunk)),
        commit: (record: Parameters<typeof writer.commit>[0]) => this.#later(() => writer.commit(record)),
        discard: () => this.#later(() => writer.discard()),
      };
    });
  }
  update(...given: Parameters<CacheMemoryStore["update"]>): Promise<void> {
    return this.#later(() => this.#store.update(...given));
  }
  read(...given: Parameters<CacheMemoryStore["read"]>): Promise<CacheBody | null> {
    return this.#later(() => this.#store.read(...given));
  }
  touch(...given: Parameters<CacheMemoryStore["touch"]>): Promise<void> {
    return this.#later(() => this.#store.touch(...given));
  }
  delete(...given: Parameters<CacheMemoryStore["delete"]>): Promise<void> {
    return this.#later(() => this.#store.delete(...given));
  }
  trim(bytes: number): Promise<void> {
    return this.#later(() => this.#store.trim(bytes));
  }
  clear(): Promise<void> {
    return this.#later(() => this.#store.clear());
  }
}
