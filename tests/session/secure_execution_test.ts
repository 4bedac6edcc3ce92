import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isSecureExecution } from "../../ffi/backend.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const SETPRIV = "/usr/bin/setpriv";
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const skip = !isRoot ? "only root can make a setuid program" : existsSync(SETPRIV) ? false : "setpriv is missing";

/** Runs the program as a user without rights, through a copy of the runtime with a mode of its own. */
async function run(mode: number): Promise<unknown> {
  const folder = temporaryFolder("secure");
  chmodSync(folder, 0o755);
  const modules = `${folder}/home/.config/pkcs11/modules`;
  mkdirSync(modules, { recursive: true, mode: 0o755 });
  writeFileSync(`${modules}/evil.module`, "module: /nowhere/evil.so\n");
  const runtime = `${folder}/runtime`;
  copyFileSync(process.execPath, runtime);
  chmodSync(runtime, mode);
  const { deno, bun } = process.versions;
  const options = deno
    ? ["run", "-A", "--quiet", "--no-check", `--import-map=${path("../offline.import_map.json")}`]
    : bun
    ? []
    : ["--no-warnings"];
  const words = [...options, path("../_support/secure_program.ts")];
  const { stdout } = await promisify(execFile)(
    SETPRIV,
    ["--reuid", "65534", "--regid", "65534", "--clear-groups", runtime, ...words],
    {
      env: {
        ...process.env,
        HOME: `${folder}/home`,
        XDG_CONFIG_HOME: "",
        DENO_DIR: process.env.DENO_DIR ?? `${homedir()}/.cache/deno`,
        DENO_NO_UPDATE_CHECK: "1",
      },
    },
  );
  return JSON.parse(stdout);
}

describe("A program with more rights than its caller", { skip }, () => {
  it("reads nothing in its caller's home", async () => {
    assertEquals(await run(0o4755), { secure: true, modules: [] });
  });
});

it("an ordinary program has no more rights than its caller", () => assertEquals(isSecureExecution(), false));
