/** Cookies: the jar and what keeps them. */
export { type Cookie, type CookieChange, type CookieInit, type CookieStore, type SameSite } from "./cookie.ts";
export { type CookieFileOptions, type SharedCookies, type SharedCookieStore } from "./cookie.ts";
export { CookieJar } from "./cookie_jar.ts";
export { CookieChangedEvent, type CookieContext, type CookieJarEvents, type CookieJarOptions } from "./jar_types.ts";
export { type CookieAcceptPolicy } from "./rules.ts";
export { CookieSqliteStore } from "./sqlite_store.ts";
export { CookieTextStore } from "./text_store.ts";
