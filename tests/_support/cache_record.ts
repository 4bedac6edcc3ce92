// Records of stored responses, for tests of stores alone.
import { type CacheRecord, makePolicy } from "../../http/features/cache/record.ts";

const options = { shared: false, now: Date.now };

/** A record that says little. */
export function recordOf(key: string, mark: string): CacheRecord {
  const headers = [["x-mark", mark]] as const;
  const policy = makePolicy({ url: key, method: "GET", headers: {} }, { status: 200, headers: {} }, options);
  return { key, authorization: "", vary: [], status: 200, statusText: "OK", headers, policy: policy.toObject() };
}
