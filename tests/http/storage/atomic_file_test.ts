import { describe, it } from "node:test";
import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { appendText, readTextIfExists, removeAbandoned, replaceFile } from "../../../http/storage/atomic_file.ts";
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
