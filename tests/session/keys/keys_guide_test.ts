// Every program of docs/keys-and-certificates.md runs as it stands, on a token of SoftHSM2.
import { assertEquals } from "@std/assert";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createSeparateToken, softhsmSkip } from "../../_support/softhsm.ts";

const outputs = [
  "Verified OK\n",
  "CN=mail.example true\ntrue\n",
  "CN=server.example by CN=Example CA: server.example, 192.0.2.1\n",
  "3\ntrue\n",
  "inserted keys\n",
  "ES256 20\n",
];

describe("docs/keys-and-certificates.md", { skip: softhsmSkip }, () => {
  it("has programs that run and print what they should", () => {
    const text = readFileSync(new URL("../../../docs/keys-and-certificates.md", import.meta.url), "utf8");
    const programs = [...text.matchAll(/```ts ignore\n([\s\S]*?)```/g)].map((match) => match[1]!);
    assertEquals(programs.length, outputs.length);
    const { token, environment } = createSeparateToken();
    const root = fileURLToPath(new URL("../../../", import.meta.url));
    const more = ["--init-token", "--free", "--label", "keys", "--pin", "1234", "--so-pin", "12345678"];
    execFileSync("softhsm2-util", ["--module", token.module, ...more], { env: { ...process.env, ...environment } });
    const folder = mkdtempSync(`${root}.keys-guide-`);
    try {
      for (const [index, program] of programs.entries()) {
        const path = `${folder}/program${index}.ts`;
        writeFileSync(path, program.replace('"@gp11/gp11"', '"../mod.ts"'));
        const run = "deno" in process.versions
          ? ["run", "-A", "--no-check", `--import-map=${root}tests/offline.import_map.json`, path]
          : [path];
        const env = { ...process.env, ...environment, PKCS11_MODULE: token.module };
        const child = spawnSync(process.execPath, run, { encoding: "utf8", env, timeout: 240_000 });
        assertEquals([child.status, child.stdout], [0, outputs[index]], child.stderr);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
