// node:test as it is, but for two things: files that share a process are blocks of their own, and the reasons of skipped
// tests are printed, which Deno's report leaves out.
import { appendFileSync } from "node:fs";
import process from "node:process";
import * as real from "node:test";

// deno-lint-ignore no-explicit-any
type Arguments = any[];
type Register = (...args: Arguments) => unknown;

/** The blocks around what is registered now. */
let path: readonly string[] = [];
/** What the file that is being loaded registers, to be registered in its block; null when none is. */
let ofFile: (() => void)[] | null = null;

function inItsFile(register: Register): Register {
  return (...args) => ofFile === null ? register(...args) : void ofFile.push(() => void register(...args));
}

function told(register: Register): Register {
  return (...args) => {
    const [name, options] = args;
    const here = [...path, String(name)];
    if (typeof options?.skip === "string") {
      process.stdout.write(`# skipped ${JSON.stringify([here.join(" > "), options.skip])}\n`);
    }
    return register(...args);
  };
}

function block(register: Register): Register {
  return told((...args) => {
    const [body] = args.splice(-1);
    const here = [...path, String(args[0])];
    return register(...args, (...given: Arguments) => {
      const around = path;
      path = here;
      try {
        return body(...given);
      } finally {
        path = around;
      }
    });
  });
}

const blockOfFile = block(real.describe as Register);

export const describe = inItsFile(blockOfFile) as typeof real.describe;
export const it = inItsFile(told(real.it as Register)) as typeof real.it;
export const after = inItsFile(real.after as Register) as typeof real.after;
export const afterEach = inItsFile(real.afterEach as Register) as typeof real.afterEach;
export const before = inItsFile(real.before as Register) as typeof real.before;
export const beforeEach = inItsFile(real.beforeEach as Register) as typeof real.beforeEach;

/**
 * Loads test files one after the other into this process, each as a block with its path as name: hooks outside of its
 * blocks are its own. A file that does not load is a failed test, and the others run.
 *
 * @param files The paths of the files, from `root`.
 * @param root The URL they are relative to.
 * @param progress Where a line is written when a file is loaded and when its tests begin: it outlasts a crash.
 */
export async function runFiles(files: readonly string[], root: string, progress: string): Promise<void> {
  const note = (what: string, file: string) => appendFileSync(progress, `${what} ${file}\n`);
  for (const file of files) {
    const registered: (() => void)[] = [];
    note("loads", file);
    ofFile = registered;
    try {
      await import(new URL(file, root).href);
    } catch (error) {
      registered.push(() =>
        void real.it("is loaded", () => {
          throw error;
        })
      );
    } finally {
      ofFile = null;
    }
    blockOfFile(file, () => {
      real.before(() => note("begins", file));
      for (const register of registered) register();
    });
  }
}
