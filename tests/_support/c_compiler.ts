// The C compiler, and what it makes of the sources here: once for all processes of this checkout and for later ones.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./temporary_folder.ts";

/** Where it is; null where there is none. */
export const compiler: string | null = ["/usr/bin/cc", "/usr/bin/gcc"].find((path) => existsSync(path)) ?? null;

/** For `it(name, { skip: compilerSkip }, …)`: why nothing can be compiled, else false. */
export const compilerSkip: string | false = compiler === null ? "no C compiler is installed" : false;

/** Below the packages, which no commit holds and no other user writes. */
const kept = fileURLToPath(new URL("../../node_modules/.cache/c", import.meta.url));

/** The path of what is made of `tests/_support/<name>.c`; it is shared, and nobody changes it. */
export function compile(name: string, options: readonly string[]): string {
  if (compiler === null) throw new Error(`Cannot compile ${name}.c: no C compiler is installed`);
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
  const made = createHash("sha256").update(readFileSync(source))
    .update(JSON.stringify([process.platform, process.arch, options])).digest("hex").slice(0, 32);
  const path = `${kept}/${name}-${made}`;
  if (existsSync(path)) return path;
  mkdirSync(kept, { recursive: true });
  // Others may be about to do the same: what stands under the name is whole at any time.
  const part = `${path}.${process.pid}`;
  try {
    execFileSync(compiler, ["-O1", source, ...options, "-o", part], { stdio: "pipe" });
    renameSync(part, path);
  } finally {
    rmSync(part, { force: true });
  }
  return path;
}

/**
 * As `compileModule`, with a copy of SoftHSM2's module beside it as `softhsm.so`: GnuTLS never gives a module back, and
 * others in this process want to see tokens that are made later.
 */
export function compileAround(softhsm: string, name: string, options: readonly string[] = []): string {
  const path = compileModule(name, options);
  copyFileSync(softhsm, `${dirname(path)}/softhsm.so`);
  return path;
}

/** Makes a library of `tests/_support/<name>.c` that is one of its own to the loader: in a folder for it alone. */
export function compileModule(name: string, options: readonly string[] = []): string {
  const path = `${temporaryFolder(name)}/${name}.so`;
  copyFileSync(compile(name, ["-shared", "-fPIC", "-w", ...options, "-lpthread", "-ldl"]), path);
  return path;
}
