// About bench/document.ts: the page of benchmarks says what its data say.
import { assert, assertEquals } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { measuredTables, page } from "../../bench/document.ts";

const docs = new URL("../../docs/", import.meta.url);

describe("the page of benchmarks", () => {
  it("is what its data make of it, with every picture", () => {
    const tables = measuredTables();
    assert(tables.length > 5);
    assertEquals(readFileSync(new URL("benchmarks.md", docs), "utf8"), page(tables));
    for (const { name, plot } of tables) {
      assertEquals(existsSync(new URL(`benchmarks/${name}.svg`, docs)), plot !== undefined, name);
    }
  });
});
