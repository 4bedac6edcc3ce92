/** Cookies: the jar and what keeps them. */
export { type Cookie, type CookieChange, type CookieInit, type CookieStore, type SameSite } from "./cookie.ts";
export {
  CookieChangedEvent,
  type CookieContext,
  CookieJar,
  type CookieJarEvents,
  type CookieJarOptions,
} from "./cookie_jar.ts";
export { type CookieAcceptPolicy } from "./rules.ts";
export { CookieSqliteStore } from "./sqlite_store.ts";
export { CookieTextStore } from "./text_store.ts";
