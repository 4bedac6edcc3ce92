// Links between the papers lead somewhere, the index of the guides names each of them, and their programs have one token.
import { assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { filesBelow, projectRoot, readText } from "../_support/source_text.ts";

const guides = filesBelow("docs", ".md").map((path) => path.slice("docs/".length));
const papers = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...guides.map((name) => `docs/${name}`)];

/** A paper without its code, in which brackets mean something else. */
function prose(paper: string): string {
  return readText(paper).replace(/^```[\s\S]*?^```/gm, "");
}

/** The names that headings have in links. */
function anchors(paper: string): Set<string> {
  const headings = [...prose(paper).matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
  return new Set(headings.map((text) => text.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")));
}

describe("the documentation", () => {
  it("has links that lead somewhere", () => {
    const wrong = papers.flatMap((paper) =>
      [...prose(paper).matchAll(/\]\((?![a-z]+:)([^)\s]*)\)/g)].map((match) => match[1]!).filter((link) => {
        const { pathname, hash } = new URL(link, `file:///${paper}`);
        const target = pathname.slice(1);
        if (!existsSync(new URL(target, projectRoot))) return true;
        return hash !== "" && target.endsWith(".md") && !anchors(target).has(decodeURIComponent(hash.slice(1)));
      }).map((link) => `${paper}: ${link}`)
    );
    assertEquals(wrong, []);
  });

  it("makes the token of its programs at two places, each in a folder of its own: two of one label are ambiguous", () => {
    const makers = [...papers, ...filesBelow("examples", ".ts")].filter((path) =>
      readText(path).includes("--init-token --free --label keys")
    );
    assertEquals(makers, ["README.md", "docs/first-signature.md"]);
  });

  it("has an index that names every guide", () => {
    const index = readText("docs/README.md");
    assertEquals(guides.filter((name) => name !== "README.md" && !index.includes(`](${name})`)), []);
  });
});
