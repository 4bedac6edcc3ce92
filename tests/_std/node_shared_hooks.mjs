// For test files that share a process: their node:test is ./node_test.ts, as it is on Deno.
import { registerHooks } from "node:module";

const own = new URL("./node_test.ts", import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === "node:test" && context.parentURL !== own ? own : specifier, context),
});
