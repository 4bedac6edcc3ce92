// deno task test:arm64: tokens, structures and HTTP on the Deno and Bun of 64-bit ARM, under qemu. Libraries of Debian 13 for that
// processor lie in a folder; nothing is installed. About ten times slower than on the processor itself.
//
//   deno task test:arm64                      the smoke tests, structures, URIs
//   deno task test:arm64 tests/webcrypto      other test files, by a part of their path
import process from "node:process";
import { bunVersion } from "../runner/runtimes.ts";
import { namedArchive } from "../runner/runtime_archives.ts";
import { programPath } from "../native_libraries.ts";
import { exists, mirrorOfThisMachine, succeed } from "./debian_folder.ts";
import { unpackedPackage } from "../published_package.ts";
import { run } from "../runner/process.ts";
import { runMain } from "../run_main.ts";
import { say } from "../say.ts";
import { setUp } from "../setup.ts";
import { createTokenFolder } from "../token_folder.ts";

/** What the runtimes, SoftHSM2 and p11-kit are linked with. */
const packages =
  "libc6 libgcc-s1 libstdc++6 softhsm2 libsofthsm2 softhsm2-common libssl3t64 libsqlite3-0 libp11-kit0 p11-kit p11-kit-modules libffi8 zlib1g libzstd1 libatomic1 libtasn1-6"
    .split(" ");

const softhsm = "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so";
const usual = [
  "tests/session/tokens/smoke_test.ts",
  "tests/http/session/smoke_test.ts",
  "tests/ffi/memory/structs_test.ts",
  "tests/session/uri/uri_test.ts",
];

const programs = {
  Deno: {
    archive: namedArchive("@deno/linux-arm64-glibc", "2.9.6"),
    path: "deno",
    test: ["test", "-A", "--no-check", "--quiet", "--import-map=tests/offline.import_map.json"],
  },
  Bun: {
    archive: namedArchive("@oven/bun-linux-aarch64", bunVersion),
    path: "bin/bun",
    test: ["test", "--timeout=540000"],
  },
};

/** The folder with the libraries. Made at first, kept for the next time; apt checks the signatures as it always does. */
async function libraries(): Promise<string> {
  const folder = `${process.env.HOME}/.cache/gp11/arm64`;
  if (await exists(`${folder}/complete`)) return `${folder}/root`;
  const missing = ["qemu-aarch64-static", "apt-get", "dpkg"].filter((name) => programPath(name) === null);
  if (missing.length > 0) {
    throw new Error(
      `Cannot run programs of 64-bit ARM: ${missing.join()} is not there; apt-get install qemu-user-static`,
    );
  }
  say(`Fetching libraries for 64-bit ARM into ${folder}`);
  await run(["rm", "-rf", folder]);
  for (const part of ["state/lists/partial", "cache/archives/partial", "root"]) {
    await Deno.mkdir(`${folder}/${part}`, { recursive: true, mode: 0o755 });
  }
  const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
  await Deno.writeTextFile(
    `${folder}/sources.list`,
    `deb [signed-by=${key}] ${await mirrorOfThisMachine()} trixie main\n`,
  );
  await Deno.writeTextFile(`${folder}/status`, "");
  const settings = {
    "APT::Architecture": "arm64",
    "APT::Architectures": "arm64",
    "APT::Sandbox::User": "root",
    "Dir::State": `${folder}/state`,
    "Dir::State::status": `${folder}/status`,
    "Dir::Cache": `${folder}/cache`,
    "Dir::Etc::sourcelist": `${folder}/sources.list`,
    "Dir::Etc::sourceparts": "-",
  };
  const apt = [
    "apt-get",
    "--quiet",
    ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
  ];
  await succeed("apt-get update", run([...apt, "update"], { timeoutMs: 600_000 }));
  await succeed("apt-get download", run([...apt, "download", ...packages], { cwd: folder, timeoutMs: 600_000 }));
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".deb")) await succeed("dpkg", run(["dpkg", "-x", `${folder}/${name}`, `${folder}/root`]));
  }
  if (!await exists(`${folder}/root/lib`)) await Deno.symlink("usr/lib", `${folder}/root/lib`);
  await Deno.writeTextFile(`${folder}/complete`, packages.join(" "));
  return `${folder}/root`;
}

/** The test files whose path has one of the texts. */
async function chosenFiles(texts: readonly string[]): Promise<string[]> {
  if (texts.length === 0) return usual;
  const { output } = await succeed("git", run(["git", "ls-files", "tests/**_test.ts"]));
  const files = output.split("\n").filter((file) => texts.some((text) => file.includes(text)));
  if (files.length === 0) throw new Error(`Cannot find a test file for ${texts.join()}`);
  return files;
}

async function main(args: readonly string[]): Promise<number> {
  const files = await chosenFiles(args);
  await setUp("tests");
  const root = await libraries();
  let failed = 0;
  for (const [name, { archive, path, test }] of Object.entries(programs)) {
    using folder = createTokenFolder();
    const emulate = ["qemu-aarch64-static", "-L", root];
    // This machine's own tool cannot load the module.
    const tool = `exec ${[...emulate, `${root}/usr/bin/softhsm2-util`].join(" ")} "$@"\n`;
    await Deno.writeTextFile(`${folder.path}/softhsm2-util`, `#!/bin/sh\n${tool}`, { mode: 0o755 });
    const command = [...emulate, `${unpackedPackage(archive)}/${path}`, ...test];
    const variables = { SOFTHSM2_CONF: folder.config, PKCS11_MODULE: softhsm, TMPDIR: folder.path };
    const { code, output, ms } = await run([...command, ...files.map((file) => `./${file}`)], {
      env: { NO_COLOR: "1", PATH: `${folder.path}:${process.env.PATH}`, ...variables },
      silenceMs: 900_000,
    });
    const counts = output.split("\n").filter((line) => /^ok \||^FAILED|^ *\d+ (?:pass|fail|skip)/.test(line));
    say(
      `${code === 0 ? "ok  " : "FAIL"} ${name} on 64-bit ARM, ${(ms / 1000).toFixed(0)} s: ${counts.join("; ").trim()}`,
    );
    if (code !== 0) say(output.trimEnd().split("\n").slice(-60).join("\n"));
    if (code !== 0) failed++;
  }
  return failed > 0 ? 1 : 0;
}

await runMain(main);
