/** What a jar is made and asked with, and what it tells. */
import type { OptionNames } from "../../../internal/expected.ts";
import type { StoreEvents } from "../../contract/store_events.ts";
import type { Cookie, CookieChange, CookieStore, SharedCookieStore } from "./cookie.ts";
import type { CookieAcceptPolicy } from "./rules.ts";

/** Options of a `CookieJar`. */
export interface CookieJarOptions {
  /** Which cookies the jar takes. @default {"always"} */
  readonly acceptPolicy?: CookieAcceptPolicy | undefined;
  /** What keeps the cookies beyond the jar's life. @default {null} */
  readonly store?: CookieStore | SharedCookieStore | null | undefined;
  /** Most cookies the jar holds. @default {3000} */
  readonly maxCookies?: number | undefined;
  /** Most cookies of one registrable domain. @default {180} */
  readonly maxCookiesPerSite?: number | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

/** The options of a jar. */
export const jarNames: OptionNames<CookieJarOptions> = {
  acceptPolicy: true,
  store: true,
  maxCookies: true,
  maxCookiesPerSite: true,
  now: true,
};

/** What a cookie is set or asked for with. */
export interface CookieContext {
  /** The page the request belongs to; without one it counts as its own. @default {null} */
  readonly firstParty?: string | URL | null | undefined;
  /** Whether the request replaces the page in a window, as a link does: such a safe request sends "lax" cookies. @default {false} */
  readonly navigation?: boolean | undefined;
  /** Whether an HTTP request asks, rather than a script: only the former sees HttpOnly cookies. @default {true} */
  readonly http?: boolean | undefined;
  /** The request's method. @default {"GET"} */
  readonly method?: string | undefined;
}

/** The members of a context. */
export const contextNames: OptionNames<CookieContext> = {
  firstParty: true,
  navigation: true,
  http: true,
  method: true,
};

/** The `changed` event of a jar: a cookie was added, replaced or removed. */
export class CookieChangedEvent extends Event implements CookieChange {
  /** What was there before; `null` for an added cookie. */
  readonly oldCookie: Cookie | null;
  /** What is there now; `null` for a removed cookie. */
  readonly newCookie: Cookie | null;

  /** Makes the event. */
  constructor(change: CookieChange) {
    super("changed");
    this.oldCookie = change.oldCookie;
    this.newCookie = change.newCookie;
  }
}

/** The events of a jar. */
export interface CookieJarEvents extends StoreEvents {
  /** A cookie was added, replaced or removed. */
  changed: CookieChangedEvent;
}
