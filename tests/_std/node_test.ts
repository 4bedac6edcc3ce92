// node:test as it is, except that the reasons of skipped tests are printed: Deno's report leaves them out.
import process from "node:process";
import * as real from "node:test";

// deno-lint-ignore no-explicit-any
type Arguments = any[];
type Register = (...args: Arguments) => unknown;

/** The blocks around what is registered now. */
let path: readonly string[] = [];

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

export const describe = block(real.describe as Register) as typeof real.describe;
export const it = told(real.it as Register) as typeof real.it;
export const { after, afterEach, before, beforeEach } = real;
