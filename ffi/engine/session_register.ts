/** Where the sessions of a caller are written down, for others to end them when his thread has died. */

/** A session that is being opened. */
export interface OpeningSession {
  /** Where the module writes its handle, so that it is known whatever becomes of the thread; `null` where it is told. */
  readonly address: bigint | null;
  /** It is open. Returns its handle, given where there is no address for it. */
  opened(handle?: bigint): bigint;
  /** It was not opened. */
  failed(): void;
}

/** The open sessions of one caller. */
export interface SessionRegister {
  /** A session is about to be opened on a slot; `null` where there is no room to write it down. */
  begin(slot: bigint): OpeningSession | null;
  /** A session is about to be closed, or is another's from now on. */
  forget(session: bigint): void;
}
