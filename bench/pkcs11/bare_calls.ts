// What bare_ffi.ts and its thread, bare_worker.ts, tell each other.

/** What the thread is given. */
export interface BareCalls {
  /** The module. */
  path: string;
  /** For each session, words of C_SignInit and of C_Sign. */
  calls: { init: bigint[]; sign: bigint[] }[];
  /** Numbers by their places in {@linkcode BARE}. */
  shared: SharedArrayBuffer;
}

/** How many calls were asked for, how many were made, whether there will be no more; then whose they are, in turns. */
export const BARE = { asked: 0, made: 1, ended: 2, places: 3 } as const;
