import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { parseSeedMap } from "../../tools/seed_map.ts";

const head = "| manual row | TypeScript | runtimes | test |\n| --- | --- | --- | --- |\n";

describe("parseSeedMap", () => {
  it("reads names, members, runtimes and the test of a row", () => {
    const text = `## Manual\n\n${head}| \`do_it\` | \`Thing#doIt\`, \`Thing.make\` with \`{ signal }\` | Deno, Bun | ` +
      "`tests/a_test.ts`: does it: at once |\n";
    assertEquals(parseSeedMap(text).get("Manual"), [{
      manual: "do_it",
      members: ["Thing#doIt", "Thing.make"],
      runtimes: ["deno", "bun"],
      test: { file: "tests/a_test.ts", name: "does it: at once" },
    }]);
  });

  it("takes a dash for a row still to be done", () => {
    const rows = parseSeedMap(`## Manual\n${head}| "name" | \`Thing#name\` | Deno | — |\n`).get("Manual");
    assertEquals(rows?.map((row) => [row.manual, row.test]), [["name", null]]);
  });

  it("refuses a row it cannot read", () => {
    assertThrows(() => parseSeedMap("## Manual\n| a | b | c |\n"), SyntaxError, "3 cells");
    assertThrows(() => parseSeedMap("## Manual\n| a | b | Deno | a test |\n"), SyntaxError, "the test of a row");
  });
});
