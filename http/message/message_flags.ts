/**
 * Flags and priorities of messages.
 *
 * @module
 */
import { checkIterable } from "../../internal/expected.ts";

/** Flags of a message (`SoupMessageFlags`). */
export const MessageFlags = {
  /** Redirects are left to the caller. */
  NO_REDIRECT: "no-redirect",
  /** The request body is emptied on restart; a `restarted` listener builds it again. */
  CAN_REBUILD: "can-rebuild",
  /** The response body is not kept: only `got-chunk` sees it. */
  OVERWRITE_CHUNKS: "overwrite-chunks",
  /** Set by the session: content codings were removed. */
  CONTENT_DECODED: "content-decoded",
  /** Set by the session: the peer's certificate was checked and found good. */
  CERTIFICATE_TRUSTED: "certificate-trusted",
  /** Use a connection that has carried nothing yet. */
  NEW_CONNECTION: "new-connection",
  /** The method may be sent again, whatever it is called. */
  IDEMPOTENT: "idempotent",
  /** Neither wait for nor count against maxConns and maxConnsPerHost. */
  IGNORE_CONNECTION_LIMITS: "ignore-connection-limits",
} as const;

/** One of the flags. */
export type MessageFlags = typeof MessageFlags[keyof typeof MessageFlags];

/** Priorities of messages on a queue (`SoupMessagePriority`). */
export const MessagePriority = {
  VERY_LOW: 0,
  LOW: 1,
  NORMAL: 2,
  HIGH: 3,
  VERY_HIGH: 4,
} as const;

/** One of the priorities. */
export type MessagePriority = typeof MessagePriority[keyof typeof MessagePriority];

/** Flags that a caller gives; text alone is no list of them. */
export function flagsOf(flags: Iterable<MessageFlags>): Set<MessageFlags> {
  checkIterable("set the flags", flags, "a list of flags");
  const known: readonly unknown[] = Object.values(MessageFlags);
  for (const flag of flags) {
    if (!known.includes(flag)) {
      throw new TypeError(`Cannot set the flag ${JSON.stringify(flag)}: there is none of the name`);
    }
  }
  return new Set(flags);
}
