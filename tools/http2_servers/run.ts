// deno task test:http2: sessions against other people's HTTP/2 servers, Caddy and nghttpd, on each runtime. Their Debian packages
// are unpacked into a folder and not installed: `deno run -A tools/http2_servers/run.ts [runtime]`.
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { makeCertificates } from "../../tests/_support/tls_certificates.ts";
import { run } from "../runner/process.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "../runner/runtimes.ts";
import { say } from "../say.ts";

/** Caddy has all it needs in itself; nghttpd wants a library that nothing else of the suite does. */
const PACKAGES = ["caddy", "nghttp2-server", "libev4"];

const options: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "-A", "--no-check", "--quiet", "--import-map=tests/offline.import_map.json"],
  bun: ["run"],
  node: ["--no-warnings", "--import", "./tests/_std/node_hooks.mjs"],
};

/** The folder that Debian's packages were unpacked into. */
async function serversFolder(): Promise<string> {
  const folder = temporaryFolder("http2-servers");
  const fetched = await run(["apt-get", "download", ...PACKAGES], { cwd: folder, timeoutMs: 600_000 });
  if (fetched.code !== 0) throw new Error(`Cannot fetch the servers: apt-get says ${fetched.output}`);
  for (const file of globSync(join(folder, "*.deb"))) {
    const { code, output } = await run(["dpkg", "-x", file, folder], { timeoutMs: 60_000 });
    if (code !== 0) throw new Error(`Cannot unpack ${file}: dpkg says ${output}`);
  }
  return folder;
}

async function main(only: readonly string[]): Promise<number> {
  const folder = await serversFolder();
  await using certificates = await makeCertificates();
  const { ca, good } = certificates;
  const library = globSync(join(folder, "usr/lib/*/libev.so.4"))[0] ?? "";
  const env = {
    CADDY: join(folder, "usr/bin/caddy"),
    NGHTTPD: join(folder, "usr/sbin/nghttpd"),
    LD_LIBRARY_PATH: join(library, ".."),
    AUTHORITY: ca.cert,
    CERTIFICATE: good.certFile,
    KEY: good.keyFile,
  };
  if (![env.CADDY, env.NGHTTPD, library].every((path) => existsSync(path))) {
    throw new Error("Cannot try the servers: their packages have other files than expected");
  }
  let failures = 0;
  for (const runtime of runtimeNames.filter((name) => only.length === 0 || only.includes(name))) {
    const program = fileURLToPath(new URL("program.ts", import.meta.url));
    const command = [await runtimeProgram(runtime), ...options[runtime], program];
    const { code } = await run(command, { env, timeoutMs: 600_000, inherit: true });
    say(`${runtime}: ${code === 0 ? "all was right" : `failed with ${code}`}`);
    if (code !== 0) failures++;
  }
  return failures === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
