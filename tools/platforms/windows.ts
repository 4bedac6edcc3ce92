// deno task test:windows: tokens with packed structures and HTTP on the Deno and Bun of Windows, under Wine in a folder.
import { bunVersion } from "../runner/runtimes.ts";
import { namedArchive } from "../runner/runtime_archives.ts";
import { unpackedPackage } from "../published_package.ts";
import { run } from "../runner/process.ts";
import { runMain } from "../run_main.ts";
import { say } from "../say.ts";
import { setUp } from "../setup.ts";
import { cloneInto, debianFolder, runInFolder, succeed } from "./debian_folder.ts";

/** Wine before 9 starts neither runtime. */
const packages = ["wine", "wine64", "gcc-mingw-w64-x86-64", "libp11-kit-dev"];

const programs = {
  Deno: {
    archive: namedArchive("@deno/win32-x64", "2.9.6"),
    path: "deno.exe",
    run: "deno.exe run -A --no-check --import-map=tests/offline.import_map.json --node-modules-dir=manual",
  },
  Bun: { archive: namedArchive("@oven/bun-windows-x64", bunVersion), path: "bin/bun.exe", run: "bun.exe run" },
};

/** p11-kit's header alone: beside those of glibc the compiler would read those too. */
const compile = `mkdir -p include/p11-kit && cp /usr/include/p11-kit-1/p11-kit/pkcs11.h include/p11-kit/ &&
x86_64-w64-mingw32-gcc -shared -static -O1 -w -Iinclude -o module.dll ../gp11/tests/_support/windows_module.c -lpthread`;

async function main(): Promise<number> {
  await setUp("tests");
  const folder = await debianFolder(13, packages);
  await cloneInto(folder, "/gp11");
  await succeed("cp", run(["cp", "-r", "node_modules", `${folder}/gp11/node_modules`]));
  await Deno.mkdir(`${folder}/windows`, { recursive: true });
  await succeed("the compiler", runInFolder(folder, `cd /windows && ${compile}`));
  let failed = 0;
  for (const [name, { archive, path, run: command }] of Object.entries(programs)) {
    await Deno.copyFile(`${unpackedPackage(archive)}/${path}`, `${folder}/windows/${path.split("/").pop()}`);
    const program = "tests/_support/windows_program.ts 'Z:\\windows\\module.dll' 'Z:/windows/stores'";
    const start = `rm -rf /windows/stores && mkdir /windows/stores && cd /gp11 && wine /windows/${command} ${program}`;
    const { code, output } = await runInFolder(folder, start, { env: { WINEDEBUG: "-all", XDG_RUNTIME_DIR: "/tmp" } });
    // Bun says this of every folder that Wine shows it.
    const lines = output.trimEnd().split("\n").filter((line) => !line.startsWith("Internal error: directory mismatch"));
    say(`${code === 0 ? "ok  " : "FAIL"} ${name} on Windows\n${lines.map((line) => `       ${line}`).join("\n")}`);
    if (code !== 0) failed++;
  }
  return failed > 0 ? 1 : 0;
}

await runMain(main);
