import { brandError } from "./error_brand.ts";
import type { RuntimeLabel } from "./runtime.ts";

/** A thing this runtime cannot do truthfully; it is refused, never faked. */
export class NotSupportedError extends Error {
  /** The runtime that cannot do it: "deno", "bun", "node" or another name. */
  readonly runtime: RuntimeLabel;
  /** Why it cannot. */
  readonly reason: string;

  /** Makes the error; `what` completes "Cannot …". */
  constructor(what: string, runtime: RuntimeLabel, reason: string) {
    super(`Cannot ${what} on ${runtime}: ${reason}`);
    this.runtime = runtime;
    this.reason = reason;
  }
}

brandError(NotSupportedError, "NotSupportedError");
