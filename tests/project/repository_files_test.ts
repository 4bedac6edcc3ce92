// What lies in the repository for machines and people around it: workflows, the container for development, issue templates.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "node:test";
import { systemNeeds } from "../../tools/system_packages.ts";
import { filesBelow, readText } from "../_support/source_text.ts";

const tasks: Record<string, unknown> = JSON.parse(readText("deno.json")).tasks;
const [deno] = /deno@\d+\.\d+\.\d+/.exec(readText("README.md"))!;

describe("The workflows", () => {
  const workflows = filesBelow(".github/workflows", ".yml").map((path) => [path, readText(path)] as const);

  it("use actions of one exact content", () => {
    assert(workflows.length >= 3);
    for (const [path, text] of workflows) {
      for (const [, action] of text.matchAll(/uses: (\S+)/g)) assertMatch(action!, /^[\w/-]+@[0-9a-f]{40}$/, path);
    }
  });

  it("run tasks that there are, on the Deno that the README names", () => {
    for (const [path, text] of workflows) {
      const commands = [...text.matchAll(/(deno@\S+) task (?:--quiet )?([\w:]+)/g)];
      assert(commands.length > 0, path);
      for (const [, program, task] of commands) {
        assertEquals([program, task! in tasks], [deno, true], `${path}: ${task}`);
      }
    }
  });

  it("publish with no secret, and with a statement of where it was built", () => {
    const release = readText(".github/workflows/release.yml");
    assert(!release.includes("secrets."));
    for (const words of ["id-token: write", "--provenance", "task pack", `${deno} publish`]) {
      assert(release.includes(words), words);
    }
  });
});

it("the container for development has every package that the tests want", () => {
  const dockerfile = readText(".devcontainer/Dockerfile");
  const missing = systemNeeds.filter(({ from }) => from !== "bench").flatMap(({ apt }) => apt)
    .filter((name) => !dockerfile.split(/\s+/).includes(name));
  assertEquals(missing, []);
  assert(dockerfile.includes(deno));
});

it("issue templates ask for module, runtime and log, and warn of secrets", () => {
  for (const [path, ...ids] of [["pkcs11", "module", "runtime", "calls"], ["http", "session", "runtime", "log"]]) {
    const text = readText(`.github/ISSUE_TEMPLATE/${path}.yml`);
    assertEquals(ids.filter((id) => !text.includes(`id: ${id}\n`)), [], path);
    assertMatch(text, /look before you post/);
    assertMatch(text, /SECURITY\.md/);
  }
});
