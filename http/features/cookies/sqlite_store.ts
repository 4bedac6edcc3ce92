/** Cookies in a SQLite database. */
import { checkPath } from "../../../internal/expected.ts";
import { inTransaction, openPrivateDatabase, type SqliteDatabase } from "../../storage/private_database.ts";
import {
  type Cookie,
  type CookieChange,
  type CookieFileOptions,
  type CookieStore,
  endAt,
  type SameSite,
  secondsOf,
  sessionCookiesKept,
} from "./cookie.ts";

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
