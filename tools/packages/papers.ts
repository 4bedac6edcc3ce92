/** What goes into the npm package on paper. Its links lead somewhere: into the repository, or to papers that go with it. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { repositoryUrl } from "./manifest.ts";

const papers: readonly string[] = ["README.md", "LICENSE", "CHANGELOG.md"];

/** Links to files, as they stand in Markdown. */
const link = /(?<=\]\()(?!https?:|#)[^)#\s]+/g;

/**
 * Writes them: with links to the version's files where the repository is known, and with all that they lead to where it is
 * not.
 */
export function writePapers(folder: string, version: string): void {
  const repository = repositoryUrl();
  for (const paper of repository === null ? withLinked(papers) : papers) {
    const target = join(folder, paper);
    mkdirSync(dirname(target), { recursive: true });
    if (repository === null || !paper.endsWith(".md")) copyFileSync(paper, target);
    else writeFileSync(target, readFileSync(paper, "utf8").replaceAll(link, (path) => absolute(path, paper)));
  }

  function absolute(path: string, paper: string): string {
    const file = linked(path, paper);
    return file === null ? path : `${repository}/blob/v${version}/${file}`;
  }
}

/** These papers, and those they lead to. */
function withLinked(first: readonly string[]): ReadonlySet<string> {
  const all = new Set(first);
  for (const paper of all) {
    if (!paper.endsWith(".md")) continue;
    for (const [path] of readFileSync(paper, "utf8").matchAll(link)) {
      const file = linked(path, paper);
      if (file !== null && statSync(file).isFile()) all.add(file);
    }
  }
  return all;
}

/** The file of the repository that a paper's link leads to; null where there is none, as with what looks like a link in code. */
function linked(path: string, paper: string): string | null {
  const file = posix.normalize(posix.join(posix.dirname(paper), path));
  return existsSync(file) ? file : null;
}
