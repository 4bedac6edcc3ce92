/** What a cookie is, outside of any library, and what a jar is made and asked with, and tells. */
import { checkOptions, type OptionNames, unexpected } from "../../../internal/expected.ts";
import { fact, type Portrait, quoted, shownAs } from "../../../internal/inspection.ts";
import type { StoreEvents, WhenUnreachable } from "../../contract/shared_store.ts";
import type { CookieAcceptPolicy, Tough } from "./rules.ts";

/** When a cookie goes along with a request that another site caused. */
export type SameSite = "strict" | "lax" | "none";

/** One cookie of a jar (RFC 6265 §5.3). A snapshot: changing a jar does not change it. */
export interface Cookie {
  /** Its name. */
  readonly name: string;
  /** Its value. */
  readonly value: string;
  /** The host or domain it belongs to, in lower case, without a leading dot. */
  readonly domain: string;
  /** Whether it goes to exactly that host, never to subdomains. */
  readonly hostOnly: boolean;
  /** The path it is limited to. */
  readonly path: string;
  /** Whether it goes over TLS only. */
  readonly secure: boolean;
  /** Whether it is kept from anything but HTTP requests. */
  readonly httpOnly: boolean;
  /** Its SameSite attribute; a missing or unknown one counts as "lax". */
  readonly sameSite: SameSite;
  /** When it ends; `null` for a session cookie. */
  readonly expires: Date | null;
  /** When it was first set. */
  readonly creation: Date;
  /** When it was last sent or set. */
  readonly lastAccess: Date;
}

/** A cookie to put into a jar by hand. */
export interface CookieInit {
  /** Its name. */
  name: string;
  /** Its value. */
  value: string;
  /** The host or domain it belongs to; a leading dot makes it a domain cookie. */
  domain: string;
  /** Whether it goes to exactly that host. Left out, it does unless `domain` starts with a dot. */
  readonly hostOnly?: boolean | undefined;
  /** The path it is limited to. @default {"/"} */
  readonly path?: string | undefined;
  /** Whether it goes over TLS only. @default {false} */
  readonly secure?: boolean | undefined;
  /** Whether it is kept from anything but HTTP requests. @default {false} */
  readonly httpOnly?: boolean | undefined;
  /** Its SameSite attribute. @default {"lax"} */
  readonly sameSite?: SameSite | undefined;
  /** When it ends; `null` for a session cookie. @default {null} */
  readonly expires?: Date | null | undefined;
}

/** One step of a jar: added (no old cookie), replaced, or removed (no new cookie). */
export interface CookieChange {
  /** What was there before. */
  readonly oldCookie: Cookie | null;
  /** What is there now. */
  readonly newCookie: Cookie | null;
}

/** What keeps the cookies of a `CookieJar` beyond its life. */
export interface CookieStore {
  /** The cookies kept so far, in the order they were created. Called once, when a jar takes the store. */
  load(): Iterable<Cookie>;
  /**
   * Keeps changes; returns when a killed process cannot lose them any more. Session cookies are among them: where they are
   * not stored, one that replaces a stored cookie removes that.
   */
  apply(changes: readonly CookieChange[], all: () => Iterable<Cookie>): void;
  /** Frees what the store holds. */
  close?(): void;
}

/** Options of the stores of cookies in files. */
export interface CookieFileOptions {
  /**
   * Whether session cookies are written and read too, with 0 as the time of their end, as curl and wget do. Most logins are
   * such cookies. They stay until their server or the program removes them. @default {false}
   */
  readonly keepSessionCookies?: boolean | undefined;
}

/** Whether session cookies are kept too. */
export function sessionCookiesKept(options: CookieFileOptions): boolean {
  const { keepSessionCookies = false } = checkOptions("keep cookies", options);
  if (typeof keepSessionCookies === "boolean") return keepSessionCookies;
  throw unexpected("keep cookies", "keepSessionCookies to be true or false", keepSessionCookies);
}

/** The end of a cookie as files have it, in seconds since 1970; 0 for a session cookie. */
export function secondsOf({ expires }: Cookie): number {
  return expires === null ? 0 : Math.ceil(expires.getTime() / 1000);
}

/** The end of a cookie with such seconds; `null` for a session cookie. */
export function endAt(seconds: number): Date | null {
  return seconds === 0 ? null : new Date(seconds * 1000);
}

/** The cookies of one site, as a store that processes share has them. */
export interface SharedCookies {
  /** Names this state of them. */
  readonly version: string;
  /** All of them, session cookies too. */
  readonly cookies: readonly Cookie[];
  /** Whether the store has lost what it had at the version asked about: a server began anew. */
  readonly isAnew: boolean;
}

/**
 * What keeps the cookies of jars in several processes, by site: a registrable domain, or a host that has none. A jar asks
 * before each message, and a response is there when its cookies are kept.
 */
export interface SharedCookieStore {
  /** Its methods answer later. */
  readonly synchronous: false;
  /** What becomes of a message while the store cannot be reached. @default {"open"} */
  readonly whenUnreachable?: WhenUnreachable | undefined;
  /** The cookies of a site; `null` where they are what they were at that version. */
  read(site: string, version: string | null): Promise<SharedCookies | null>;
  /** Keeps changes of a site's cookies, all of them or none. */
  write(site: string, changes: readonly CookieChange[]): Promise<void>;
  /** Removes the cookies of every site. */
  clear(): Promise<void>;
  /** Frees what the store holds. */
  close?(): void | Promise<void>;
}

/** The library's cookie as a snapshot. */
export function snapshot(cookie: Tough.Cookie): Cookie {
  return shownAs(portrait, {
    name: cookie.key,
    value: cookie.value,
    domain: cookie.domain!,
    hostOnly: cookie.hostOnly === true,
    path: cookie.path!,
    secure: cookie.secure,
    httpOnly: cookie.httpOnly,
    sameSite: (cookie.sameSite ?? "lax") as SameSite,
    expires: cookie.expires instanceof Date ? cookie.expires : null,
    creation: dateOr(cookie.creation),
    lastAccess: dateOr(cookie.lastAccessed),
  });
}

/** How a cookie shows itself: all but its value, which is as good as a password. */
const portrait: Portrait<Cookie> = {
  name: "Cookie",
  facts: ({ domain, expires, httpOnly, name, path, sameSite, secure }) => [
    fact("name", name, `${quoted(name)} of ${domain}`),
    fact("domain", domain, ""),
    fact("path", path, path === "/" ? "" : path),
    fact("secure", secure, secure ? "secure" : ""),
    fact("httpOnly", httpOnly, httpOnly ? "HttpOnly" : ""),
    fact("sameSite", sameSite, sameSite === "lax" ? "" : sameSite),
    fact("expires", expires?.toISOString(), expires === null ? "session" : `until ${expires.toISOString()}`),
  ],
};

/** The key of a cookie within its domain: a name and a path hold no semicolon. */
export function cookieKey(path: string, name: string): string {
  return `${path};${name}`;
}

function dateOr(value: Date | "Infinity" | null): Date {
  return value instanceof Date ? value : new Date(0);
}

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
