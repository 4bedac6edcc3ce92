import { assertEquals, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import process from "node:process";
import {
  CacheSqliteStore,
  CookieJar,
  CookieSqliteStore,
  type CookieStore,
  CookieTextStore,
  HstsEnforcer,
  HstsFileStore,
} from "../../../../http/mod.ts";
import { temporaryFolder } from "../../../_support/temporary_folder.ts";

const noModes = process.platform === "win32" ? "Windows has no modes" : false;
const noDevices = process.getuid?.() === 0 && process.platform === "linux"
  ? false
  : "only Linux's root can make a device";
const modesIn = (folder: string) =>
  readdirSync(folder).sort().map((name) => `${name} ${(statSync(`${folder}/${name}`).mode & 0o777).toString(8)}`);

const stores: [string, string, (path: string) => CookieStore][] = [
  ["CookieTextStore", "# Netscape HTTP Cookie File\n", (path) => new CookieTextStore(path)],
  ["CookieSqliteStore", "", (path) => new CookieSqliteStore(path)],
];

describe("Files with secrets are readable by their owner only", { skip: noModes }, () => {
  for (const [name, text, storeOf] of stores) {
    for (const before of [null, 0o644, 0o666, 0o640, 0o604, 0o600]) {
      it(`${name}, ${before === null ? "a new file" : `one that was ${before.toString(8)}`}`, () => {
        const folder = temporaryFolder("store-modes");
        const path = `${folder}/cookies`;
        if (before !== null) {
          writeFileSync(path, text);
          chmodSync(path, before);
        }
        const store = storeOf(path);
        const jar = new CookieJar({ store });
        const written: string[][] = [];
        for (const value of ["one", "two"]) {
          jar.setCookie(`session=${value}; Max-Age=1000; Secure; HttpOnly`, "https://bank.example/");
          written.push(modesIn(folder));
        }
        for (const modes of written) {
          assertEquals(modes.length > 0, true);
          assertEquals(modes.filter((mode) => !mode.endsWith(" 600")), []);
        }
        jar.close();
      });
    }
  }

  it("but a device, which keeps nothing, is left as it is", { skip: noDevices }, () => {
    const path = `${temporaryFolder("store-modes")}/null`;
    execFileSync("mknod", [path, "c", "1", "3"]);
    chmodSync(path, 0o666);
    const isUntouched = () => statSync(path).isCharacterDevice() && (statSync(path).mode & 0o777) === 0o666;
    const jar = new CookieJar({ store: new CookieTextStore(path) });
    for (let i = 0; i < 300; i++) jar.setCookie(`a=${i}; Max-Age=1000`, "https://bank.example/");
    jar.close();
    assertEquals([new CookieTextStore(path).load(), isUntouched()], [[], true]);
    const enforcer = new HstsEnforcer({ store: new HstsFileStore(path) });
    enforcer.setPolicy({ host: "example.org", includeSubDomains: false, expires: new Date(Date.now() + 1e6) });
    assertEquals([new HstsFileStore(path).load(), isUntouched()], [[], true]);
    for (const open of [() => new CookieSqliteStore(path).load(), () => new CacheSqliteStore(path).size]) {
      assertThrows(open, Error, `Cannot open the database ${path}: it is a device`);
    }
    assertEquals(isUntouched(), true);
  });

  it("a database that was there, with what a killed process left beside it", () => {
    const folder = temporaryFolder("store-modes");
    const path = `${folder}/cookies`;
    const open = () => new CookieJar({ store: new CookieSqliteStore(path) });
    const first = open();
    first.setCookie("a=1; Max-Age=1000", "https://bank.example/");
    for (const name of readdirSync(folder)) chmodSync(`${folder}/${name}`, 0o644);
    const second = open();
    second.setCookie("b=2; Max-Age=1000", "https://bank.example/");
    assertEquals(modesIn(folder).filter((mode) => !mode.endsWith(" 600")), []);
    first.close();
    second.close();
  });

  it("what a link leads to, and HSTS policies", () => {
    const [folder, elsewhere] = [temporaryFolder("store-modes"), temporaryFolder("store-modes")];
    writeFileSync(`${elsewhere}/cookies`, "# Netscape HTTP Cookie File\n");
    chmodSync(`${elsewhere}/cookies`, 0o644);
    symlinkSync(`${elsewhere}/cookies`, `${folder}/cookies`);
    new CookieJar({ store: new CookieTextStore(`${folder}/cookies`) }).setCookie(
      "a=1; Max-Age=9",
      "https://bank.example/",
    );
    writeFileSync(`${elsewhere}/hsts`, "");
    chmodSync(`${elsewhere}/hsts`, 0o644);
    const enforcer = new HstsEnforcer({ store: new HstsFileStore(`${elsewhere}/hsts`) });
    enforcer.setPolicy({ host: "bank.example", includeSubDomains: false, expires: new Date(Date.now() + 1e6) });
    enforcer.close();
    assertEquals(modesIn(elsewhere), ["cookies 600", "hsts 600"]);
  });

  const notRoot = process.getuid?.() === 0 ? false : "only root can make a file somebody else's";
  it("nothing is written into a file whose owner keeps it open to others", { skip: notRoot }, () => {
    const folder = temporaryFolder("store-modes");
    const path = `${folder}/cookies`;
    writeFileSync(path, "# Netscape HTTP Cookie File\n");
    chmodSync(path, 0o666);
    chmodSync(folder, 0o777);
    chownSync(path, 65534, 65534);
    const [uid, gid] = [process.geteuid!(), process.getegid!()];
    const jar = new CookieJar({ store: new CookieTextStore(path) });
    process.setegid!(65533);
    process.seteuid!(65533);
    try {
      assertThrows(() => jar.setCookie("a=1; Max-Age=9", "https://bank.example/"), Error, "others may read it");
    } finally {
      process.seteuid!(uid);
      process.setegid!(gid);
    }
    assertEquals(readFileSync(path, "utf8").includes("bank.example"), false);
  });
});
