// tools/release.ts: a version, tried on a clone.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { nextVersion, release, releasedChangelog, sectionOf } from "../../tools/release.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

describe("The next version", () => {
  it("is a step further, or one that is higher", () => {
    const next = ["major", "minor", "patch", "1.2.4", "1.10.0"].map((wanted) => nextVersion("1.2.3", wanted));
    assertEquals(next, ["2.0.0", "1.3.0", "1.2.4", "1.2.4", "1.10.0"]);
  });

  it("is no lower one, and no text", () => {
    for (const wanted of ["1.2.3", "1.2.2", "0.9.9"]) assertThrows(() => nextVersion("1.2.3", wanted), RangeError);
    for (const wanted of ["", "v1.3.0", "1.3", "1.3.0-rc", "01.3.0"]) {
      assertThrows(() => nextVersion("1.2.3", wanted), TypeError, "major, minor, patch");
    }
  });
});

describe("The changelog", () => {
  const text = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A\n\n## 0.1.0 - 2026-01-01\n\n- B\n";

  it("gives what is unreleased the version and the day", () => {
    const released = releasedChangelog(text, "0.2.0", "2026-02-03");
    assertEquals(sectionOf(released, "0.2.0"), "### Added\n\n- A");
    assertEquals([sectionOf(released, "Unreleased"), sectionOf(released, "0.1.0")], ["", "- B"]);
    assertMatch(released, /^## Unreleased\n\n## 0\.2\.0 - 2026-02-03\n\n### Added$/m);
  });

  it("has something to release", () => {
    assertThrows(() => releasedChangelog(releasedChangelog(text, "0.2.0", ""), "0.3.0", ""), Error, "nothing under");
  });
});

describe("A release", () => {
  const skip = existsSync(`${root}/.git`) ? false : "these sources are no clone";

  it("writes the version everywhere, commits and tags, and wants all to be committed", { skip }, async () => {
    const clone = temporaryFolder("release");
    const git = (...args: string[]) => execFileSync("git", ["-C", clone, ...args], { encoding: "utf8" }).trim();
    execFileSync("git", ["clone", "--quiet", "--shared", root, clone]);
    const settings = { "user.name": "A", "user.email": "a@example.com", "core.hooksPath": "/none" };
    for (const [name, value] of Object.entries({ ...settings, "commit.gpgSign": "false", "tag.gpgSign": "false" })) {
      git("config", name, value);
    }
    // What the worker's program is bundled with.
    symlinkSync(`${root}/node_modules`, `${clone}/node_modules`);
    appendFileSync(`${clone}/.git/info/exclude`, "/node_modules\n");
    const { version: before } = JSON.parse(readFileSync(`${clone}/deno.json`, "utf8"));
    assertEquals(await release(clone, "minor", "2026-02-03"), nextVersion(before, "minor"));
    const version = nextVersion(before, "minor");
    const read = (path: string) => readFileSync(`${clone}/${path}`, "utf8");
    assertEquals(["deno.json", "package.json"].map((path) => JSON.parse(read(path)).version), [version, version]);
    for (
      const [path, text] of [["http/protocol/headers.ts", `gp11/${version}`], ["docs/pkcs11js.md", `@^${version}`]]
    ) {
      assert(read(path!).includes(text!), path);
    }
    const changed = git("diff", "--name-only", "HEAD~1").split("\n");
    assert(changed.includes("http/sync/sync_program.ts") && changed.includes("CHANGELOG.md"), changed.join());
    assertEquals([git("describe", "--exact-match"), git("status", "--porcelain")], [`v${version}`, ""]);
    assertMatch(git("tag", "--list", "--format=%(contents)", `v${version}`), /### Added/);

    appendFileSync(`${clone}/README.md`, "\n");
    await assertRejects(() => release(clone, "patch", ""), Error, "README.md");
  });
});
