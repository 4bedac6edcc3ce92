// tools/runner/examples.ts: which parts of papers and comments run as tests.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { examplesIn, hasExample } from "../../tools/runner/examples.ts";

const paper =
  "# Title\n\n```ts\nconst a = 1;\n\n  * a;\n```\n\n```ts ignore\nlost\n```\n\n```sh\nls\n```\n\n```typescript\nb;\n```\n";
const source =
  "/**\n * Text.\n *\n * @example One\n * ```ts\n * const a = {\n *   b: 1,\n * };\n *\n * a;\n * ```\n */\nexport {};\n";

describe("the examples of the documentation", () => {
  it("are the fenced blocks of TypeScript, but those that say ignore", () => {
    assertEquals(examplesIn(paper, false), [{ line: 4, code: "const a = 1;\n\n  * a;" }, { line: 18, code: "b;" }]);
    assertEquals([hasExample(paper), hasExample("```ts ignore\na;\n```\n")], [true, false]);
  });

  it("in comments are without the stars before their lines", () => {
    assertEquals(examplesIn(source, true), [{ line: 6, code: "const a = {\n  b: 1,\n};\n\na;" }]);
  });
});
