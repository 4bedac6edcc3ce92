/** Calls that are made only while their module is the one their caller has found. */

/** What lets the calls of an operation through. */
export interface CallGate {
  /** Begins calls; false where they must not be made, which then come to CKR_CRYPTOKI_NOT_INITIALIZED. */
  enter(): boolean;
  /** The calls have returned. */
  leave(): void;
}
