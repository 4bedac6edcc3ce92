/** How modules are loaded. */
import type { LogCallsOptions } from "./log_calls/mod.ts";
import type { ModuleShare } from "./managed/share.ts";

/** How {@linkcode Module.load} loads a module. */
export interface ModuleOptions {
  /**
   * Who counts the callers of the module: libp11-kit, this library, nobody, or whichever of the first two is there.
   *
   * @default {"auto"}
   */
  readonly managed?: "auto" | "p11-kit" | "gp11" | false | undefined;
  /** Text for `pReserved` of C_Initialize, such as the parameters of NSS softokn. */
  readonly reserved?: string | undefined;
  /**
   * Never calls C_Finalize, for modules that others in the process use too.
   *
   * @default {false}
   */
  readonly neverFinalize?: boolean | undefined;
  /**
   * Logs every call of the module, on worker threads too, in the layout of libp11-kit's `log-calls`: `true` writes to
   * standard error. PINs and secret values are left out unless asked for.
   *
   * @default {false}
   */
  readonly logCalls?: boolean | LogCallsOptions | undefined;
  /**
   * Joins the callers of a module in another worker thread: what `module.share()` gave there. It decides about `managed`.
   */
  readonly share?: ModuleShare | undefined;
  /**
   * Whether logins are counted for each token, so that one caller's logout does not log out the others; `false` gives
   * PKCS#11's own behaviour. Only where the callers are counted, and within one thread.
   *
   * @default {true}
   */
  readonly countLogins?: boolean | undefined;
  /** Cancels the load. */
  readonly signal?: AbortSignal | undefined;
}
