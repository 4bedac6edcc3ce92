/** `CK_TRUE`, a `CK_BBOOL` that is set. */
export const CK_TRUE = 1;

/** `CK_FALSE`, a `CK_BBOOL` that is not set. */
export const CK_FALSE = 0;

/** `CK_INVALID_HANDLE`: no session and no object has this handle. */
export const CK_INVALID_HANDLE = 0n;

/** `CK_EFFECTIVELY_INFINITE`, a session or memory limit that does not bind. */
export const CK_EFFECTIVELY_INFINITE = 0;

/** The bit that marks vendor-defined numbers of every prefix (`CKM_VENDOR_DEFINED` and its like). */
export const VENDOR_DEFINED = 0x80000000;

/**
 * `CK_UNAVAILABLE_INFORMATION`, all bits of a `CK_ULONG` set, for the width of the module's `CK_ULONG`.
 *
 * @param ulong Bytes of a `CK_ULONG`: 8 on LP64, 4 on Windows and 32-bit systems.
 */
export function unavailableInformation(ulong: 4 | 8): bigint {
  return ulong === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
}
