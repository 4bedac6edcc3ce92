// Records of stored responses, for tests of stores alone.
import type { CacheRecord } from "../../http/features/cache/mod.ts";

/** A record that says little. */
export function recordOf(key: string, mark: string): CacheRecord {
  return { key, authorization: "", vary: [], status: 200, statusText: "OK", headers: [["x-mark", mark]], policy: {} };
}
