// Node resolves bare names through node_modules only; the suite's own names are mapped here as deno.json and tsconfig.json map them.
import { registerHooks } from "node:module";

const root = new URL("../../", import.meta.url);
const names = {
  "@std/assert": "tests/_std/assert.ts",
  "@gp11/gp11": "mod.ts",
  "@gp11/gp11/session": "session/mod.ts",
  "@gp11/gp11/http": "http/mod.ts",
  "@gp11/gp11/ffi": "ffi/mod.ts",
  "@gp11/gp11/pkcs11js": "pkcs11js/mod.ts",
  "@gp11/gp11/cli": "cli.ts",
  "@gp11/gp11/opentelemetry": "opentelemetry/mod.ts",
};

registerHooks({
  resolve: (specifier, context, next) =>
    Object.hasOwn(names, specifier) ? next(new URL(names[specifier], root).href, context) : next(specifier, context),
});
