/**
 * Node's modules that take time and memory to load, each loaded when it is first looked at: a program pays for those it
 * uses. Light ones, such as `node:buffer`, are imported as usual. `node:timers` is none on Bun, and `node:process` none on
 * Deno: what is asked of it at each start is in `runtime.ts`.
 *
 * Packages of npm's are loaded here too, when they are first needed; they may be missing then.
 *
 * @module
 */
import type * as asyncHooks from "node:async_hooks";
import type * as childProcess from "node:child_process";
import type * as crypto from "node:crypto";
import type * as dns from "node:dns";
import type * as fs from "node:fs";
import type * as module from "node:module";
import type * as net from "node:net";
import type * as os from "node:os";
import type * as path from "node:path";
import type process from "node:process";
import type * as stream from "node:stream";
import type * as timers from "node:timers";
import type * as tls from "node:tls";
import type * as util from "node:util";
import type * as utilTypes from "node:util/types";
import type * as workerThreads from "node:worker_threads";
import type * as zlib from "node:zlib";
import { runtimeName } from "./runtime.ts";

/** The modules by the names they have here. */
interface BuiltinModules {
  readonly asyncHooks: typeof asyncHooks;
  readonly childProcess: typeof childProcess;
  readonly crypto: typeof crypto;
  readonly dns: typeof dns;
  readonly fs: typeof fs;
  readonly module: typeof module;
  readonly net: typeof net;
  readonly os: typeof os;
  readonly path: typeof path;
  readonly process: typeof process;
  readonly stream: typeof stream;
  readonly timers: typeof timers;
  readonly tls: typeof tls;
  readonly util: typeof util;
  readonly utilTypes: typeof utilTypes;
  readonly workerThreads: typeof workerThreads;
  readonly zlib: typeof zlib;
}

const names: Readonly<Record<keyof BuiltinModules, string>> = {
  asyncHooks: "node:async_hooks",
  childProcess: "node:child_process",
  crypto: "node:crypto",
  dns: "node:dns",
  fs: "node:fs",
  module: "node:module",
  net: "node:net",
  os: "node:os",
  path: "node:path",
  process: "node:process",
  stream: "node:stream",
  timers: "node:timers",
  tls: "node:tls",
  util: "node:util",
  utilTypes: "node:util/types",
  workerThreads: "node:worker_threads",
  zlib: "node:zlib",
};

/** The global object of a process: to import it would load it. */
function find(name: string): unknown {
  return (globalThis as unknown as { process: typeof process }).process.getBuiltinModule(name);
}

/** The modules; looking at one loads it. */
export const builtin: BuiltinModules = Object.create(
  null,
  Object.fromEntries(
    Object.entries(names).map(([key, name]) => {
      let loaded: unknown;
      return [key, { enumerable: true, get: () => loaded ??= find(name) }];
    }),
  ),
);

/**
 * Stands for the class that `find` gives until the first object of a class that extends it is made. From then on that class
 * extends the found one itself: objects that are made through a stand-in cost several times as much.
 */
export function lateBase<C extends abstract new (...args: never[]) => object>(find: () => C): C {
  const stand = function (...args: never[]): object {
    const base = find();
    let heir = new.target as unknown as C;
    while (Object.getPrototypeOf(heir) !== stand) heir = Object.getPrototypeOf(heir);
    Object.setPrototypeOf(heir, base);
    Object.setPrototypeOf(heir.prototype, base.prototype);
    return Reflect.construct(base, args, new.target);
  };
  return stand as unknown as C;
}

/** What adds a package to a program. */
const adding: Readonly<Record<string, string>> = { deno: "deno add npm:", bun: "bun add ", node: "npm install " };

/**
 * What a package gives.
 *
 * @throws {Error} When it cannot be loaded; with its name, and how it is installed.
 */
export function fromPackage<T>(name: string, load: () => unknown): T {
  try {
    return load() as T;
  } catch (cause) {
    throw missingPackage(name, cause);
  }
}

/**
 * A module of a package, in place, where there is no `require` in the caller's file. Where there is one, the caller gives it
 * the module's name as it stands: bundlers look for that.
 *
 * @param location Where the module is
 */
export function requiredAt(location: string, name: string): unknown {
  return builtin.module.createRequire(location)(name);
}

/** The error where a package cannot be loaded. */
export function missingPackage(name: string, cause: unknown): Error {
  const add = `${adding[runtimeName()] ?? adding["node"]}${name}`;
  return new Error(`Cannot load the package ${name}: it is not installed here, or damaged; "${add}" installs it`, {
    cause,
  });
}
