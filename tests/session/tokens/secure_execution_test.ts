import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isSecureExecution } from "../../../ffi/runtime/runtime.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const SETPRIV = "/usr/bin/setpriv";
const root = fileURLToPath(new URL("../../../", import.meta.url));
let readable: string | undefined;
const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const skip = !isRoot ? "only root can make a setuid program" : existsSync(SETPRIV) ? false : "setpriv is missing";

/** What compilers keep below node_modules comes and goes while it is copied. */
function isLasting(path: string): boolean {
  return !path.includes("/node_modules/.cache");
}

/** A copy of what the program loads: the clone may lie in a folder that only its owner may read. */
function readableCopy(): string {
  const folder = temporaryFolder("readable");
  chmodSync(folder, 0o755);
  for (
    const name of [
      ...["ffi", "http", "internal", "session", "node_modules", "package.json"],
      ...["tests/_std", "tests/_support", "tests/offline.import_map.json"],
    ]
  ) cpSync(`${root}/${name}`, `${folder}/${name}`, { recursive: true, filter: isLasting });
  return folder;
}

/** Runs the program as a user without rights, through a copy of the runtime with a mode of its own. */
async function run(mode: number): Promise<unknown> {
  const folder = temporaryFolder("secure");
  chmodSync(folder, 0o755);
  const modules = `${folder}/home/.config/pkcs11/modules`;
  mkdirSync(modules, { recursive: true, mode: 0o755 });
  writeFileSync(`${modules}/evil.module`, "module: /nowhere/evil.so\n");
  writeFileSync(`${folder}/home/printenv`, "#!/bin/sh\necho evil\n", { mode: 0o755 });
  const scratch = `${folder}/scratch`;
  mkdirSync(scratch);
  chmodSync(scratch, 0o777);
  const runtime = `${folder}/runtime`;
  copyFileSync(process.execPath, runtime);
  chmodSync(runtime, mode);
  const { deno, bun } = process.versions;
  readable ??= readableCopy();
  const options = deno
    ? [
      "run",
      "-A",
      "--quiet",
      "--no-check",
      "--node-modules-dir=manual",
      `--import-map=${readable}/tests/offline.import_map.json`,
    ]
    : bun
    ? []
    : ["--no-warnings"];
  const words = [...options, `${readable}/tests/_support/secure_program.ts`];
  const { stdout } = await promisify(execFile)(
    SETPRIV,
    ["--reuid", "65534", "--regid", "65534", "--clear-groups", runtime, ...words],
    {
      // Deno looks for no program from a folder that its user must not read, as a clone's may be.
      cwd: scratch,
      env: {
        ...process.env,
        HOME: `${folder}/home`,
        XDG_CONFIG_HOME: "",
        PATH: `${folder}/home:${process.env.PATH}`,
        TMPDIR: scratch,
        LANGUAGE: "tlh",
        http_proxy: "http://evil.example:1/",
        DENO_DIR: `${scratch}/deno`,
        DENO_NO_UPDATE_CHECK: "1",
      },
    },
  );
  return JSON.parse(stdout);
}

describe("A program with more rights than its caller", { skip }, () => {
  it("reads nothing in its caller's home, and believes nothing of its environment", async () => {
    assertEquals(await run(0o4755), {
      secure: true,
      modules: [],
      proxies: ["direct"],
      language: "en",
      socketFolder: "the system's",
      command: "the system's",
    });
  });

  it("believes both with its caller's own rights", async () => {
    assertEquals(await run(0o755), {
      secure: false,
      modules: ["evil"],
      proxies: ["evil.example"],
      language: "tlh",
      socketFolder: "the caller's",
      command: "the caller's",
    });
  });
});

it("an ordinary program has no more rights than its caller", () => assertEquals(isSecureExecution(), false));
