/** What is active on a session of the token, as the session's lane keeps it. */

/** What can be active on a session. */
export type ActiveKind =
  | "encrypt"
  | "decrypt"
  | "digest"
  | "sign"
  | "signRecover"
  | "verify"
  | "verifyRecover"
  | "find"
  | "messageEncrypt"
  | "messageDecrypt";

/** Where a use of a key stands. */
export interface AuthenticatedUse {
  /** The session it runs in. */
  session: bigint;
  /** The session of its user, which is taken where the token has no other one left. */
  readonly own: bigint;
  readonly kind: ActiveKind;
  /** What it begins with, where it can go on after its PIN was refused. */
  readonly begun: BegunUse | null;
  /** Whether its key wants its PIN. */
  wantsPin: boolean;
  /** Whether it is active. */
  active: boolean;
  /** Whether its PIN was given: the token waits for its end. */
  isAuthenticated: boolean;
}

/** A use that has begun and got no PIN. */
export interface UnusedKey {
  readonly kind: ActiveKind;
  /** The key and its mechanism, where the use can go on once there is a PIN. */
  readonly begun: BegunUse | null;
}

/** What a use has begun with. */
export interface BegunUse {
  readonly key: bigint;
  /** CKM number of a mechanism without a parameter. */
  readonly mechanism: number;
}

/** An operation in parts that has begun. */
export interface BegunParts extends AuthenticatedUse {
  /** What was asked for before the first part. */
  asked: { forget(): void } | null;
}
