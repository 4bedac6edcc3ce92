import { assertEquals } from "@std/assert";
import { existsSync, readdirSync } from "node:fs";
import { it } from "node:test";
import { filesBelow, projectRoot, readText } from "../_support/source_text.ts";

it("every link between the papers leads to a file", () => {
  const papers = [...readdirSync(projectRoot).filter((name) => name.endsWith(".md")), ...filesBelow("docs", ".md")];
  const broken = papers.flatMap((paper) =>
    [...readText(paper).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map((match) => match[1]!)
      .filter((target) => !existsSync(new URL(target, new URL(paper, projectRoot))))
      .map((target) => `${paper}: ${target}`)
  );
  assertEquals(broken, []);
});
