import { execFileSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { appendText, readTextIfExists, removeAbandoned, replaceFile } from "../../../http/storage/atomic_file.ts";
import { runtimeName } from "../../../internal/runtime.ts";
import { programArguments } from "../../_support/child_program.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const folder = temporaryFolder("atomic");

describe("replaceFile()", () => {
  it("makes the file and its folder, for their owner only, and leaves nothing else", () => {
    const path = join(folder, "new", "file.txt");
    replaceFile(path, "one");
    replaceFile(path, new TextEncoder().encode("two"));
    assertEquals([readFileSync(path, "utf8"), statSync(path).mode & 0o777], ["two", 0o600]);
    assertEquals(readdirSync(join(folder, "new")), ["file.txt"]);
  });

  it("replaces what a symbolic link points at, not the link", () => {
    const target = join(folder, "target.txt");
    const link = join(folder, "link.txt");
    writeFileSync(target, "old");
    symlinkSync(target, link);
    replaceFile(link, "new");
    assert(lstatSync(link).isSymbolicLink());
    assertEquals(readFileSync(target, "utf8"), "new");
  });

  it("leaves the old file and no temporary one when it fails", () => {
    const path = join(folder, "taken");
    replaceFile(join(path, "inside"), "x");
    assertThrows(() => replaceFile(path, "y"), Error, "EISDIR");
    assertEquals(readdirSync(folder).filter((name) => name.startsWith("taken.")), []);
  });
});

describe("a program under Node's permission model, which has no fsync", {
  skip: runtimeName() === "node" ? false : "only Node has it",
}, () => {
  it("keeps cookies and policies in files", () => {
    const files = join(folder, "permitted");
    mkdirSync(files);
    const program = `
      import { CookieJar, CookieTextStore, HstsEnforcer, HstsFileStore } from ${
      JSON.stringify(new URL("../../../http/mod.ts", import.meta.url).href)
    };
      const [cookies, policies] = process.argv.slice(1);
      using jar = new CookieJar({ store: new CookieTextStore(cookies) });
      for (const value of [1, 2]) jar.setCookie("a=" + value + "; Max-Age=1000", "https://example.org/");
      using enforcer = new HstsEnforcer({ store: new HstsFileStore(policies) });
      enforcer.setPolicy({ host: "example.org", includeSubDomains: false, expires: new Date(Date.now() + 1e6) });
    `;
    const [, hooks] = programArguments(new URL(import.meta.url)).slice(1);
    const permissions = ["--permission", "--allow-fs-read=*", `--allow-fs-write=${files}`];
    const how = ["--no-warnings", ...permissions, "--import", hooks!, "--input-type=module", "-e", program, "--"];
    execFileSync(process.execPath, [...how, join(files, "cookies"), join(files, "policies")], { stdio: "pipe" });
    for (const name of ["cookies", "policies"]) assertMatch(readFileSync(join(files, name), "utf8"), /example\.org/);
    assertEquals(readdirSync(files).sort(), ["cookies", "policies"]);
  });
});

describe("removeAbandoned()", () => {
  it("removes old temporary files of this file alone", () => {
    const path = join(folder, "kept.txt");
    const old = Date.now() / 1000 - 3600;
    const names = ["kept.txt.00112233aabb.tmp", "kept.txt.bak", "other.txt.00112233aabb.tmp"];
    for (const name of names) {
      writeFileSync(join(folder, name), "");
      utimesSync(join(folder, name), old, old);
    }
    writeFileSync(join(folder, "kept.txt.ffffffffffff.tmp"), "another process is at it");
    removeAbandoned(path);
    const left = readdirSync(folder).filter((name) => name.includes("kept.txt") || name.includes("other.txt"));
    assertEquals(left.sort(), ["kept.txt.bak", "kept.txt.ffffffffffff.tmp", "other.txt.00112233aabb.tmp"]);
  });

  it("has nothing to do in a folder that is not there", () => removeAbandoned(join(folder, "nowhere", "file")));
});

describe("appendText() and readTextIfExists()", () => {
  it("go together", () => {
    const path = join(folder, "log.txt");
    assertEquals(readTextIfExists(path), null);
    appendText(path, "a\n");
    appendText(path, "b\n");
    assertEquals(readTextIfExists(path), "a\nb\n");
  });
});
