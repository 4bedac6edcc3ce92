import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { codeOf, filesBelow, importedNames, librarySources, projectRoot, readText } from "../_support/source_text.ts";

/** What each floor may import: the floors below it. Session and http meet in mod.ts only. */
const allowed: Record<string, readonly string[]> = {
  internal: ["internal"],
  ffi: ["ffi", "internal"],
  session: ["session", "ffi", "internal"],
  http: ["http", "internal"],
  "mod.ts": ["session", "http"],
  "cli.ts": ["session", "http"],
};

/** The npm libraries, and the one floor that uses each of them. */
const libraries: Record<string, readonly string[]> = {
  session: ["asn1js", "@noble/curves", "@noble/post-quantum"],
  http: ["http-cache-semantics", "structured-headers", "tough-cookie"],
};

/** The only files that may name a runtime. */
function mayNameRuntime(file: string): boolean {
  return /^ffi\/(deno|bun|node)\.ts$/.test(file) || file.startsWith("http/transports/");
}

/** The floor a path stands on, or the path itself at the root. */
function floorOf(path: string): string {
  return path.split("/")[0]!;
}

function resolved(file: string, name: string): string {
  return decodeURIComponent(new URL(name, new URL(file, projectRoot)).href.slice(projectRoot.href.length));
}

describe("the library's sources", () => {
  it("import downwards only", () => {
    const wrong = librarySources().flatMap((file) =>
      importedNames(readText(file))
        .filter((name) => name.startsWith("."))
        .map((name) => resolved(file, name))
        .filter((target) => !allowed[floorOf(file)]?.includes(floorOf(target)))
        .map((target) => `${file} imports ${target}`)
    );
    assertEquals(wrong, []);
  });

  it("import no library but those that the manifest names, each on its floor", () => {
    const wrong = librarySources().flatMap((file) =>
      importedNames(readText(file))
        .filter((name) => !/^\.\.?\/|^node:|^bun:/.test(name))
        .filter((name) =>
          !libraries[floorOf(file)]?.some((library) => name === library || name.startsWith(`${library}/`))
        )
        .map((name) => `${file} imports ${name}`)
    );
    assertEquals(wrong, []);
  });

  it("name a runtime only in the rooms made for it", () => {
    const wrong = librarySources().filter((file) => !mayNameRuntime(file)).flatMap((file) => {
      const source = readText(file);
      const modules = importedNames(source).filter((name) => /^bun:|^node:ffi$/.test(name));
      // A property called so (`runtimes.deno`, `{ Deno: 1 }`) is no use of the runtime.
      const globals = codeOf(source).match(/(?<![\w$#.])(?:globalThis\??\.)?(?:Deno|Bun)\b(?=\s*[.?[!=)])/g) ?? [];
      return [...modules, ...globals].map((name) => `${file} names ${name}`);
    });
    assertEquals(wrong, []);
  });

  it("are imported by examples through the public entries only", () => {
    const wrong = filesBelow("examples").flatMap((file) =>
      importedNames(readText(file))
        .map((name) => name.startsWith(".") ? resolved(file, name) : name)
        .filter((name) => !/^node:|^@gp11\/gp11|^@std\/|^examples\/|^mod\.ts$|^(session|http|ffi)\/mod\.ts$/.test(name))
        .map((name) => `${file} imports ${name}`)
    );
    assertEquals(wrong, []);
  });
});
