// tools/runner/suite.ts: test files that share a process are told apart, and outlive the one that ends it.
import { assertEquals } from "@std/assert";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { runSuite } from "../../tools/runner/suite.ts";
import { programOrSkip } from "../_support/runtime_programs.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const programs = await Promise.all(
  (["deno", "node"] as const).map(async (runtime) => ({ runtime, ...await programOrSkip(runtime) })),
);

const files: Readonly<Record<string, string>> = {
  hooks: `let state = "loaded";
    before(() => void (state = "begun"));
    after(() => void (globalThis.ended = true));
    it("begins with its own hooks", () => assertEquals(state, "begun"));
    describe("a block", () => {
      it("is skipped", { skip: "for a reason" }, () => {});
      it("fails", () => assertEquals(1, 2));
    });`,
  kills: `it("ends everything", async () => {
      process.kill(process.pid, "SIGKILL");
      await new Promise(() => setInterval(() => {}, 1000));
    });`,
  broken: `throw new Error("this file does not load");`,
  later: `it("comes after the hooks of the file before", () => assertEquals(globalThis.ended, true));
    describe("a block", () => it("passes", () => {}));`,
};
const imports = `import process from "node:process";
  import { after, before, describe, it } from "node:test";
  import { assertEquals } from "@std/assert";`;

it("groups that are skipped as a whole are told on Bun too, and a file without a test is no such group", async () => {
  const sources: Readonly<Record<string, string>> = {
    whole: `describe("a group", { skip: "for a reason" }, () => it("waits", () => {}));`,
    mixed:
      `for (const n of [1, 2]) describe(\`group ${"${n}"} (one of two)\`, { skip: false }, () => it("passes", () => {}));
      describe("another", { skip: "for a reason" }, () => it("waits", () => {}));`,
    empty: `export const skip = false;`,
  };
  const folder = temporaryFolder("groups");
  for (const [name, text] of Object.entries(sources)) {
    writeFileSync(`${folder}/${name}_test.ts`, `import { describe, it } from "node:test";\n${text}\n`);
  }
  const paths = Object.keys(sources).map((name) => `${folder}/${name}_test.ts`);
  const suite = { runtime: "bun", area: "fixtures", files: paths } as const;
  const { tests, problems } = await runSuite(suite, await runtimeProgram("bun"));
  assertEquals(tests.map(({ name, outcome }) => `${name}: ${outcome}`).sort(), [
    "a group: skipped",
    "another: skipped",
    "group 1 (one of two) > passes: passed",
    "group 2 (one of two) > passes: passed",
  ]);
  assertEquals(problems, [`${folder}/empty_test.ts holds no test`]);
});

describe("test files that share a process", () => {
  for (const { runtime, program, skip } of programs) {
    it(`have their own hooks and names, and go on without the one that ends it, on ${runtime}`, { skip }, async () => {
      const folder = temporaryFolder("suite");
      const paths = Object.entries(files).map(([name, text]) => {
        writeFileSync(`${folder}/${name}_test.ts`, `${imports}\n${text}\n`);
        return `${folder}/${name}_test.ts`;
      });
      const { tests, problems } = await runSuite({ runtime, area: "fixtures", files: paths }, program);
      const told = tests.map(({ file, name, outcome, detail }) =>
        `${file?.slice(folder.length + 1)}: ${name}: ${outcome}${outcome === "skipped" ? ` ${detail}` : ""}`
      );
      assertEquals(told.sort(), [
        "broken_test.ts: is loaded: failed",
        "hooks_test.ts: a block > fails: failed",
        "hooks_test.ts: a block > is skipped: skipped for a reason",
        "hooks_test.ts: begins with its own hooks: passed",
        "later_test.ts: a block > passes: passed",
        "later_test.ts: comes after the hooks of the file before: passed",
      ]);
      assertEquals(problems.map((problem) => problem.split(";")[0]), [
        `died by SIGKILL while ${folder}/kills_test.ts ran`,
      ]);
    });
  }
});
