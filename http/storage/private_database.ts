/** SQLite databases that only their owner may read, open in many processes at once, by each runtime's own driver. */
import { builtin } from "../../internal/builtin_modules.ts";
import { fileError, NotSupportedError } from "../errors.ts";
import { runtimeName } from "../../internal/runtime.ts";
import { createIfAbsent, isDevice, isNotFound, restrictPathToOwner } from "./atomic_file.ts";

/** A value SQLite stores. */
export type SqliteValue = string | number | bigint | null | Uint8Array;

/** An open database. */
export interface SqliteDatabase {
  /** Runs statements without parameters or results. */
  exec(sql: string): void;
  /** Runs one statement. */
  run(sql: string, ...parameters: SqliteValue[]): void;
  /** The rows of one statement. */
  all(sql: string, ...parameters: SqliteValue[]): Record<string, unknown>[];
  /** Closes the database. */
  close(): void;
}

interface Statement {
  all(...parameters: SqliteValue[]): Record<string, unknown>[];
  run(...parameters: SqliteValue[]): unknown;
  /** Bun's alone: it keeps the file open until its statements are done with. */
  finalize?(): void;
}

interface Driver {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

type DriverConstructor = new (path: string) => Driver;

/** Opens a database file with the runtime's own driver; creates it when there is none. */
export function openSqlite(path: string): SqliteDatabase {
  const driver = new (driverConstructor())(path);
  const statements = new Map<string, Statement>();
  const prepared = (sql: string): Statement => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, statement = driver.prepare(sql));
    return statement;
  };
  return {
    exec: (sql) => driver.exec(sql),
    run: (sql, ...parameters) => void prepared(sql).run(...parameters),
    all: (sql, ...parameters) => prepared(sql).all(...parameters),
    close: () => {
      for (const statement of statements.values()) statement.finalize?.();
      statements.clear();
      driver.close();
    },
  };
}

function driverConstructor(): DriverConstructor {
  const runtime = runtimeName();
  // Both by what needs no place to look from: a bundle in CommonJS has no import.meta.url.
  const find = builtin.process.getBuiltinModule;
  if (runtime === "bun") return (find("bun:sqlite") as unknown as { Database: DriverConstructor }).Database;
  const sqlite = find?.("node:sqlite") as { DatabaseSync: DriverConstructor } | undefined;
  if (!sqlite) throw new NotSupportedError("open a SQLite database", runtime, "there is no node:sqlite");
  return sqlite.DatabaseSync;
}

/** How long another process may hold a database, in milliseconds, before a call on it fails. */
const PATIENCE = 2000;
/** Milliseconds between two tries to open a database that another process is opening. */
const PACE = 10;

/** How long a database is left alone that could not be had for another process, in milliseconds. */
const REST = 1000;

/** Runs work on a database. */
export type DatabaseGuard = <T>(work: () => T) => T;

const unguarded: DatabaseGuard = (work) => work();

/**
 * For a database that nobody needs: where another process has held it for as long as a call waits, all calls of the next
 * second fail at once. The thread would stand still for each of them.
 */
export function leavingAlone(): DatabaseGuard {
  let failure: unknown = null;
  let until = 0;
  return (work) => {
    if (performance.now() < until) throw failure;
    try {
      return work();
    } catch (error) {
      if (isHeld(error)) {
        failure = error;
        until = performance.now() + REST;
      }
      throw error;
    }
  };
}

/** Whether another process holds the database. */
function isHeld(error: unknown): boolean {
  return /locked|busy/i.test(String(error));
}

/**
 * Opens a database, made with the schema when there is none. What was written is complete or not there, whenever a process
 * is killed.
 */
export function openPrivateDatabase(path: string, schema: string, guard: DatabaseGuard = unguarded): SqliteDatabase {
  try {
    return withReasons(path, guard(() => opened(path, schema)), guard);
  } catch (error) {
    if (error instanceof NotSupportedError) throw error;
    const isFolderless = isNotFound(error) && !builtin.fs.existsSync(builtin.path.dirname(path));
    throw fileError(`Cannot open the database ${path}`, error, isFolderless ? "; make its folder first" : "");
  }
}

function opened(path: string, schema: string): SqliteDatabase {
  if (isDevice(path)) throw new Error("it is a device");
  if (path !== ":memory:") restrictDatabase(path);
  const database = openSqlite(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${PATIENCE}`);
    // Two processes that change the journal of a new file at once do not wait for each other.
    untilFree(() => database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"));
    untilFree(() => database.exec(schema));
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** What fails says which database it was; the runtime's own error is the cause. */
function withReasons(path: string, database: SqliteDatabase, guard: DatabaseGuard): SqliteDatabase {
  const told = <T>(work: () => T, guarding = guard): T => {
    try {
      return guarding(work);
    } catch (error) {
      throw fileError(`Cannot use the database ${path}`, error);
    }
  };
  return {
    // A transaction is ended, whatever it met.
    exec: (sql) => told(() => database.exec(sql), sql === ROLLBACK ? unguarded : guard),
    run: (sql, ...parameters) => told(() => database.run(sql, ...parameters)),
    all: (sql, ...parameters) => told(() => database.all(sql, ...parameters)),
    close: () => database.close(),
  };
}

const ROLLBACK = "ROLLBACK";

/** Runs a transaction that writes: all of it or nothing. */
export function inTransaction<T>(database: SqliteDatabase, run: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = run();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    try {
      database.exec(ROLLBACK);
    } catch {
      // SQLite has ended the transaction itself, as it does when the disk is full.
    }
    throw error;
  }
}

/**
 * SQLite gives the files it adds the mode of the database; what a killed process left of them has its old one. None of
 * them is opened here: another connection of this process would lose its locks when it is closed again.
 */
function restrictDatabase(path: string): void {
  createIfAbsent(path);
  for (const ending of ["", "-wal", "-shm", "-journal"]) restrictPathToOwner(path + ending);
}

function untilFree(run: () => void): void {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (performance.now() > end || !isHeld(error)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PACE);
    }
  }
}
