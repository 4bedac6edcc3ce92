/**
 * The runtime's own fetch.
 *
 * @module
 */
import type { FetchInput } from "../../../internal/platform_types.ts";

const atImport = globalThis.fetch;

/**
 * The fetch that was there when the library was imported: a program may put a session's in its place afterwards, and what
 * a session sends through the runtime must not come back to it.
 */
export function nativeFetch(input: FetchInput, init?: RequestInit): Promise<Response> {
  return atImport(input, init);
}
