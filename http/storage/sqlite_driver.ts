/** The SQLite that each runtime brings along, behind one small interface. */
import { builtin } from "../../internal/builtin_modules.ts";
import { NotSupportedError } from "../errors.ts";
import { runtimeName } from "../../internal/runtime.ts";

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
