import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { entries, publicNames } from "../_support/public_names.ts";
import { readText } from "../_support/source_text.ts";

const accepted: Record<string, string[]> = JSON.parse(readText("tests/project/public_surface.json"));
const names = Object.fromEntries(
  Object.entries(entries).map(([entry, file]) => [entry, [...publicNames(file).keys()].sort()]),
);

describe("the public surface", () => {
  for (const entry of Object.keys(entries)) {
    // After a change that is meant: deno run -A tools/public_surface.ts
    it(`of ${entry} is what public_surface.json holds`, () => {
      assertEquals(names[entry], accepted[entry]);
    });
  }

  it("of the main entry is that of ./session and ./http together", () => {
    const parts = [...new Set([...names["./session"]!, ...names["./http"]!])].sort();
    assertEquals(names["."], parts);
  });
});
