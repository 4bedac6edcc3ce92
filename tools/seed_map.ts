// Reads docs/seed-map.md, whose head says how a row is written.
import { readdirSync, readFileSync } from "node:fs";

/** One row of the map. */
export interface SeedRow {
  /** The manual's own name, without quotes or backticks. */
  readonly manual: string;
  /** The public names the row speaks of, such as `Session#login`. */
  readonly members: readonly string[];
  /** The runtimes it works on, in lower case. */
  readonly runtimes: readonly string[];
  /** The test that holds it, or null where the row is still to be done. */
  readonly test: { readonly file: string; readonly name: string } | null;
}

/** The rows of the project's map under the headings of their manuals. */
export function readSeedMap(): Map<string, SeedRow[]> {
  const docs = new URL("../docs/", import.meta.url);
  const files = readdirSync(docs).filter((name) => /^seed-map.*\.md$/.test(name));
  return parseSeedMap(files.map((name) => readFileSync(new URL(name, docs), "utf8")).join("\n"));
}

/** The rows of a map under the heading of their manual. */
export function parseSeedMap(text: string): Map<string, SeedRow[]> {
  const sections = new Map<string, SeedRow[]>();
  let rows: SeedRow[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("## ")) sections.set(line.slice(3).trim(), rows = []);
    else if (line.startsWith("|") && !/^\| *(-+|manual row) *\|/.test(line)) rows.push(parseRow(line));
  }
  return sections;
}

function parseRow(line: string): SeedRow {
  const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
  if (cells.length !== 4) {
    throw new SyntaxError(`Cannot read a row of the seed map: it has ${cells.length} cells\n${line}`);
  }
  const [manual, members, runtimes, test] = cells as [string, string, string, string];
  return {
    manual: manual.replace(/^[`"]|[`"]$/g, ""),
    members: [...members.matchAll(/`([A-Z]\w*(?:[#.]\w+)?)`/g)].map((match) => match[1]!),
    runtimes: runtimes.toLowerCase().split(/,\s*/),
    test: parseTest(test, line),
  };
}

function parseTest(cell: string, line: string): SeedRow["test"] {
  if (cell === "—") return null;
  const [, file, name] = /^`([^`]+)`: (.+)$/.exec(cell) ?? [];
  if (!file || !name) throw new SyntaxError(`Cannot read the test of a row of the seed map\n${line}`);
  return { file, name };
}
