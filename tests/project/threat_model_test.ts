// docs/threat-model.md: every rule names the tests that hold it, and they are there.
import { assert, assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { projectRoot, readText } from "../_support/source_text.ts";

const rules = readText("docs/threat-model.md").split("\n## ").find((section) => section.startsWith("Rules, "))!
  .split(/\n(?=- \*\*)/).slice(1);
const testsIn = (text: string) => [...text.matchAll(/`(tests\/[^`]+)`/g)].map(([, path]) => path!);

describe("The threat model", () => {
  it("names the tests of every rule", () => {
    assert(rules.length > 15, `${rules.length} rules`);
    assertEquals(rules.filter((rule) => testsIn(rule).length === 0), []);
  });

  it("names the tests of every answer to a threat", () => {
    const rows = readText("docs/threat-model.md").split("\n").filter((line) => /^\| (?!Threat |-)/.test(line));
    assert(rows.length > 25, `${rows.length} answers`);
    assertEquals(rows.filter((row) => testsIn(row).length === 0), []);
  });

  it("names tests that are there", () => {
    const named = testsIn(readText("docs/threat-model.md"));
    assertEquals(named.filter((path) => !existsSync(new URL(path, projectRoot))), []);
  });
});
