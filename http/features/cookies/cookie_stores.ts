/** Where cookies outlive the process: in the text file that browsers, curl and wget share, and in databases of SQLite. */
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
import { inTransaction, openPrivateDatabase, type SqliteDatabase } from "../../storage/private_database.ts";

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

const SCHEMA = `CREATE TABLE IF NOT EXISTS moz_cookies (id INTEGER PRIMARY KEY, name TEXT, value TEXT, host TEXT,
  path TEXT, expiry INTEGER, lastAccessed INTEGER, isSecure INTEGER, isHttpOnly INTEGER, sameSite INTEGER)`;
const SELECT =
  "SELECT name, value, host, path, expiry, lastAccessed, isSecure, isHttpOnly, sameSite FROM moz_cookies ORDER BY id";
const REMOVE = "DELETE FROM moz_cookies WHERE name = ? AND host IN (?, ?) AND path = ?";
const UPDATE =
  `UPDATE moz_cookies SET value = ?, host = ?, expiry = ?, lastAccessed = ?, isSecure = ?, isHttpOnly = ?, sameSite = ?
  WHERE name = ? AND host IN (?, ?) AND path = ?`;
const INSERT = `INSERT INTO moz_cookies (value, host, expiry, lastAccessed, isSecure, isHttpOnly, sameSite, name, path)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const POLICIES: readonly SameSite[] = ["none", "lax", "strict"];

/**
 * Keeps persistent cookies, and session cookies if you say so, in a SQLite database, in the table `moz_cookies` that
 * browsers and libsoup use. Each response's changes are one transaction, so that a killed process neither loses nor corrupts
 * a cookie.
 *
 * Needs the runtime's own SQLite: `bun:sqlite` on Bun, `node:sqlite` on Deno and Node.
 *
 * @example Keep cookies in a database
 * ```ts
 * import { CookieJar, CookieSqliteStore } from "@gp11/gp11/http";
 * import { tmpdir } from "node:os";
 *
 * using jar = new CookieJar({ store: new CookieSqliteStore(`${tmpdir()}/cookies-example.sqlite`) });
 * jar.setCookie("theme=dark; Max-Age=86400", "https://example.com/");
 * ```
 */
export class CookieSqliteStore implements CookieStore {
  /** The database's path. */
  readonly path: string;
  readonly #keepsSession: boolean;
  #database: SqliteDatabase | null = null;

  /** Names the database; it is opened when a jar takes the store. */
  constructor(path: string, options: CookieFileOptions = {}) {
    this.path = checkPath("keep cookies", path);
    this.#keepsSession = sessionCookiesKept(options);
  }

  /** Opens the database, creates the table when there is none, and reads the cookies that have not expired. */
  load(): Cookie[] {
    const database = this.#open();
    const now = Date.now();
    return database.all(SELECT).map(fromRow).filter((cookie) =>
      this.#isKept(cookie) && (cookie.expires === null || cookie.expires.getTime() > now)
    );
  }

  /** Keeps the changes in one transaction. */
  apply(changes: readonly CookieChange[]): void {
    const kept = changes.filter(({ oldCookie, newCookie }) => this.#isKept(oldCookie) || this.#isKept(newCookie));
    if (kept.length === 0) return;
    const database = this.#open();
    inTransaction(database, () => {
      for (const change of kept) this.#write(database, change);
    });
  }

  /** Closes the database; it is opened again when it is needed. */
  close(): void {
    this.#database?.close();
    this.#database = null;
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): SqliteDatabase {
    if (this.#database) return this.#database;
    const database = openPrivateDatabase(this.path, SCHEMA);
    try {
      const columns = database.all("PRAGMA table_info(moz_cookies)");
      if (!columns.some((column) => column["name"] === "sameSite")) {
        database.exec("ALTER TABLE moz_cookies ADD COLUMN sameSite INTEGER DEFAULT 1");
      }
    } catch (error) {
      database.close();
      throw error;
    }
    return this.#database = database;
  }

  #isKept(cookie: Cookie | null): cookie is Cookie {
    return cookie !== null && (cookie.expires !== null || this.#keepsSession);
  }

  #write(database: SqliteDatabase, { oldCookie, newCookie }: CookieChange): void {
    const { name, path, domain } = (newCookie ?? oldCookie)!;
    const identity = [name, domain, `.${domain}`, path] as const;
    if (!this.#isKept(newCookie)) return database.run(REMOVE, ...identity);
    const values = [
      newCookie.value,
      newCookie.hostOnly ? domain : `.${domain}`,
      secondsOf(newCookie),
      Math.floor(newCookie.lastAccess.getTime() / 1000),
      Number(newCookie.secure),
      Number(newCookie.httpOnly),
      POLICIES.indexOf(newCookie.sameSite),
    ] as const;
    // An update keeps the row's number, which is the order of creation.
    if (this.#isKept(oldCookie)) database.run(UPDATE, ...values, ...identity);
    else {
      database.run(REMOVE, ...identity);
      database.run(INSERT, ...values, name, path);
    }
  }
}

function fromRow(row: Record<string, unknown>): Cookie {
  const host = String(row["host"]);
  return {
    name: String(row["name"]),
    value: String(row["value"]),
    domain: host.replace(/^\./, "").toLowerCase(),
    hostOnly: !host.startsWith("."),
    path: String(row["path"]),
    secure: Number(row["isSecure"]) === 1,
    httpOnly: Number(row["isHttpOnly"]) === 1,
    sameSite: POLICIES[Number(row["sameSite"] ?? 1)] ?? "lax",
    expires: endAt(Number(row["expiry"])),
    creation: new Date(0),
    lastAccess: new Date(Number(row["lastAccessed"]) * 1000),
  };
}
