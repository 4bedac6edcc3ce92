/** HTTP Strict Transport Security: the enforcer and what keeps its policies. */
export {
  HstsChangedEvent,
  HstsEnforcedEvent,
  HstsEnforcer,
  type HstsEnforcerEvents,
  type HstsEnforcerOptions,
} from "./hsts_enforcer.ts";
export { HstsFileStore, type HstsPolicy, type HstsStore, type SharedHstsStore } from "./store.ts";
