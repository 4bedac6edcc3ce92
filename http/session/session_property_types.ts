/**
 * What `HttpSession.get` gives and `HttpSession.set` takes, by the names of the properties.
 *
 * @module
 */
import type { ActingProperty, SessionAccessor, SessionProperty } from "../contract/session_events.ts";
import type { HttpSession } from "./session.ts";
import type { HttpSessionOptions } from "./session_options.ts";

/** What `get` gives for each property: what its accessor reads; null for those that only act when they are set. */
export type SessionPropertyValues = {
  readonly [P in SessionProperty]: P extends ActingProperty ? null
    : SessionAccessor<P> extends infer A extends keyof HttpSession ? HttpSession[A]
    : never;
};

/** What `set` takes for each property: what the option of its name takes. Nothing for "async-context". */
export type SessionPropertyInputs = {
  readonly [P in SessionProperty]: P extends "async-context" ? never
    : SessionAccessor<P> extends infer A extends keyof HttpSessionOptions ? Exclude<HttpSessionOptions[A], undefined>
    : never;
};
