// tools/packages/papers.ts: no link of the npm package's papers is dead.
import { assert, assertEquals } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, it } from "node:test";
import process from "node:process";
import { writePapers } from "../../tools/packages/papers.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const { GITHUB_REPOSITORY, GITHUB_SERVER_URL } = process.env;

function setOrDelete(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** Targets of links that are no addresses, with the papers they stand in. */
function relativeLinks(folder: string): [paper: string, target: string][] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"))
    .flatMap((paper) =>
      [...readFileSync(join(folder, paper), "utf8").matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map(([, target]): [string, string] => [paper, target!])
    );
}

describe("The papers of the npm package", () => {
  afterEach(() => {
    setOrDelete("GITHUB_REPOSITORY", GITHUB_REPOSITORY);
    setOrDelete("GITHUB_SERVER_URL", GITHUB_SERVER_URL);
  });

  it("bring along all that they lead to, where no repository is known", () => {
    setOrDelete("GITHUB_REPOSITORY", undefined);
    const folder = temporaryFolder("papers");
    writePapers(folder, "1.2.3");
    const links = relativeLinks(folder);
    assert(links.some(([paper, target]) => paper === "README.md" && target === "docs/first-signature.md"));
    const dead = links.filter(([paper, target]) => !existsSync(join(folder, dirname(paper), target)));
    assertEquals(dead, []);
  });

  it("lead into the repository of the workflow that makes it, at the version's tag", () => {
    process.env["GITHUB_REPOSITORY"] = "somebody/gp11";
    process.env["GITHUB_SERVER_URL"] = "https://code.example";
    const folder = temporaryFolder("papers");
    writePapers(folder, "1.2.3");
    assertEquals([relativeLinks(folder), readdirSync(folder).sort()], [[], ["CHANGELOG.md", "LICENSE", "README.md"]]);
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    assert(readme.includes("](https://code.example/somebody/gp11/blob/v1.2.3/docs/first-signature.md)"));
    // What leads within the page, and out of it, stays.
    for (const [kept] of readFileSync("README.md", "utf8").matchAll(/\]\((?:#|https?:)[^)]*\)/g)) {
      assert(readme.includes(kept));
    }
  });
});
