// The module in mock_module.c, compiled for one test file: it counts what really reaches it.
import { copyFileSync } from "node:fs";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { compile } from "./c_compiler.ts";
import { p11KitOracleSkip } from "./c_program.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** For `it(name, { skip: mockModuleSkip }, …)`: why the module cannot be compiled, else false. */
export const mockModuleSkip: string | false = p11KitOracleSkip;

/** A compiled module. */
export interface MockModule {
  /** The library. */
  readonly path: string;
  /** Real C_Initialize calls that succeeded. */
  initializes(): number;
  /** Real C_Finalize calls that succeeded. */
  finalizes(): number;
  /** Real logins. */
  logins(): number;
  /** Real logouts. */
  logouts(): number;
  /** Sessions open now, whoever opened them. */
  sessions(): number;
  /** Calls that reached the module while it was not initialised. */
  strays(): number;
  /** Calls of C_GetTokenInfo under way, with `slow=N` or `held`. */
  inside(): number;
  /** Those that met another. */
  overlaps(): number;
  /** Those under which the module was finalised. */
  cuts(): number;
  /** Lets calls end that are `held`, and later ones. */
  release(): number;
}

let folder: string | undefined;
let count = 0;

/** A module of its own; `options` as in mock_module.c, for callers that give no `reserved`. */
export function compileMockModule(name = "mock", options = "slots=1"): MockModule {
  folder ??= temporaryFolder("mock");
  const path = `${folder}/${++count}-${name}.so`;
  // A copy is a library of its own to the loader.
  const macros = [`-DMOCK_OPTIONS="${options}"`, `-DMOCK_NAME="${name}"`];
  copyFileSync(compile("mock_module", ["-shared", "-fPIC", "-I/usr/include/p11-kit-1", ...macros]), path);
  const library = nativeRuntime().open(path);
  const counter = (symbol: string) => {
    const fn = library.bind(symbol, 0, "u32");
    if (fn === null) throw new Error(`Cannot count calls: ${path} has no ${symbol}`);
    return () => fn() as number;
  };
  return {
    path,
    initializes: counter("mock_initializes"),
    finalizes: counter("mock_finalizes"),
    logins: counter("mock_logins"),
    logouts: counter("mock_logouts"),
    sessions: counter("mock_sessions"),
    strays: counter("mock_strays"),
    inside: counter("mock_inside"),
    overlaps: counter("mock_overlaps"),
    cuts: counter("mock_cuts"),
    release: counter("mock_release"),
  };
}
