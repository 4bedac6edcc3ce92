/** Cookies in the text file that browsers, curl and wget share. */
import { checkPath } from "../../../internal/expected.ts";
import { builtin } from "../../../internal/builtin_modules.ts";
import { appendText, readTextIfExists, removeAbandoned, replaceFile, withFile } from "../../storage/atomic_file.ts";
import {
  type Cookie,
  type CookieChange,
  type CookieFileOptions,
  cookieKey,
  type CookieStore,
  endAt,
  type SameSite,
  secondsOf,
  sessionCookiesKept,
} from "./cookie.ts";

const WRITTEN_BY = "# Written by gp11.\n";
const HEADER = `# Netscape HTTP Cookie File
# One cookie per line: domain, subdomains, path, secure, expiry, name, value, SameSite.
# A later line replaces an earlier one of the same domain, path and name; one in the past removes it.
${WRITTEN_BY}
`;
const HTTP_ONLY = "#HttpOnly_";
const SAME_SITE: Readonly<Record<string, SameSite>> = { strict: "strict", lax: "lax", none: "none" };

/** Superseded lines that may pile up before the file is written anew. */
const MAX_SUPERSEDED = 200;

/**
 * Keeps persistent cookies, and session cookies if you say so, in a Netscape cookie file, readable by its owner only; TABs
 * divide its columns, so cookies that hold one stay in memory. A change is appended in one write and the file is now and
 * then replaced as a whole, so that a killed process neither loses nor corrupts a cookie. One jar at a time may use a file.
 *
 * @example Keep cookies between runs
 * ```ts
 * import { CookieJar, CookieTextStore } from "@gp11/gp11/http";
 * import { tmpdir } from "node:os";
 *
 * using jar = new CookieJar({ store: new CookieTextStore(`${tmpdir()}/cookies-example.txt`) });
 * jar.setCookie("theme=dark; Max-Age=86400", "https://example.com/");
 * ```
 */
export class CookieTextStore implements CookieStore {
  /** The file's path. */
  readonly path: string;
  readonly #keepsSession: boolean;
  #superseded = 0;
  #mustRewrite = false;
  /** It says that this store has written into it: whose last line is cut off is known by that. */
  #isOwn = false;

  /** Names the file; it is read when a jar takes the store and need not exist. */
  constructor(path: string, options: CookieFileOptions = {}) {
    this.path = checkPath("keep cookies", path);
    this.#keepsSession = sessionCookiesKept(options);
  }

  /**
   * The cookies in the file that have not expired; lines of another layout are passed over. A last line without an end was
   * cut off where the store has written into the file, and is taken from others.
   */
  load(): Cookie[] {
    const text = withFile(`read the cookies in ${this.path}`, () => {
      removeAbandoned(this.path);
      return readTextIfExists(this.path) ?? "";
    });
    const cookies = new Map<string, Cookie>();
    const lines = text.replace(/^\ufeff/, "").split("\n");
    this.#isOwn = text.includes(WRITTEN_BY);
    this.#mustRewrite = lines.at(-1) !== "";
    if (this.#isOwn && this.#mustRewrite) lines.pop();
    let read = 0;
    for (const line of lines) {
      const cookie = parseCookieLine(line);
      if (!cookie) continue;
      read++;
      const key = `${cookie.domain};${cookieKey(cookie.path, cookie.name)}`;
      // A session cookie that is not kept replaces what stood there, too.
      const isThere = cookie.expires === null ? this.#keepsSession : cookie.expires.getTime() > Date.now();
      if (isThere) cookies.set(key, cookie);
      else cookies.delete(key);
    }
    this.#superseded = read - cookies.size;
    return [...cookies.values()];
  }

  /** Appends the changes, or replaces the file when too much of it is out of date. */
  apply(changes: readonly CookieChange[], all: () => Iterable<Cookie>): void {
    let lines = "";
    let superseded = 0;
    for (const { oldCookie, newCookie } of changes) {
      if (this.#isKept(oldCookie)) superseded++;
      if (this.#isKept(newCookie)) lines += formatCookieLine(newCookie);
      else if (this.#isKept(oldCookie)) {
        lines += formatCookieLine({ ...oldCookie, value: "", expires: new Date(1000) });
        superseded++;
      }
    }
    if (lines === "") return;
    this.#superseded += superseded;
    withFile(`write the cookies to ${this.path}`, () => this.#write(lines, all));
  }

  #write(lines: string, all: () => Iterable<Cookie>): void {
    if (this.#mustRewrite || this.#superseded > MAX_SUPERSEDED || !builtin.fs.existsSync(this.path)) {
      this.#rewrite(all());
    } else {
      // An append that fails may leave half a line, which the next one must not continue.
      this.#mustRewrite = true;
      appendText(this.path, this.#isOwn ? lines : WRITTEN_BY + lines);
      this.#isOwn = true;
      this.#mustRewrite = false;
    }
  }

  #rewrite(cookies: Iterable<Cookie>): void {
    let text = HEADER;
    for (const cookie of cookies) if (this.#isKept(cookie)) text += formatCookieLine(cookie);
    replaceFile(this.path, text);
    this.#superseded = 0;
    this.#mustRewrite = false;
    this.#isOwn = true;
  }

  /** Whether a cookie is kept in the file: not one whose line would be broken by its own TABs. */
  #isKept(cookie: Cookie | null): cookie is Cookie {
    if (cookie === null || (cookie.expires === null && !this.#keepsSession)) return false;
    return !/\t/.test(cookie.name + cookie.value + cookie.path);
  }
}

/** One line of a cookie file; `null` for comments, blank and malformed lines. */
export function parseCookieLine(line: string): Cookie | null {
  let rest = line.endsWith("\r") ? line.slice(0, -1) : line;
  const httpOnly = rest.startsWith(HTTP_ONLY);
  if (httpOnly) rest = rest.slice(HTTP_ONLY.length);
  if (rest.startsWith("#")) return null;
  const [domain, subdomains, path, secure, expiry, name, value, sameSite] = rest.split("\t");
  if (!domain || !path?.startsWith("/") || name === undefined || value === undefined) return null;
  const seconds = Number(expiry);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 8.64e12) return null;
  return {
    name,
    value,
    domain: domain.replace(/^\./, "").toLowerCase(),
    hostOnly: subdomains !== "TRUE",
    path,
    secure: secure === "TRUE",
    httpOnly,
    sameSite: SAME_SITE[sameSite?.toLowerCase() ?? ""] ?? "lax",
    expires: endAt(seconds),
    creation: new Date(0),
    lastAccess: new Date(0),
  };
}

/** A cookie as one line. Other programs know seven columns, so SameSite is written only when it is needed. */
export function formatCookieLine(cookie: Cookie): string {
  const columns = [
    `${cookie.httpOnly ? HTTP_ONLY : ""}${cookie.hostOnly ? "" : "."}${cookie.domain}`,
    cookie.hostOnly ? "FALSE" : "TRUE",
    cookie.path,
    cookie.secure ? "TRUE" : "FALSE",
    String(secondsOf(cookie)),
    cookie.name,
    cookie.value,
  ];
  if (cookie.sameSite !== "lax") columns.push(cookie.sameSite === "strict" ? "Strict" : "None");
  return `${columns.join("\t")}\n`;
}
