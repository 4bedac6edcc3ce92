/** What is known of a module beforehand; combined with `|` (`p11_kit_module_get_flags`). */
export const ModuleFlags = {
  /** Nobody counts its callers. */
  UNMANAGED: 1,
  /** A failure of it is a failure of everything; so for modules loaded by their path. */
  CRITICAL: 2,
  /** It says which certificates to trust. */
  TRUSTED: 4,
} as const;

/** Bits of the constant {@linkcode ModuleFlags}. */
export type ModuleFlags = number;
