// deno task test:container: the container of docs/deploying.md, built from its Dockerfile by buildah and asked for a token. A
// Debian 13 in a folder stands for the image of its first line: no registry of images is asked.
import { verifyJwt } from "../../mod.ts";
import { programPath } from "../native_libraries.ts";
import { cloneInto, debianFolder, succeed } from "./debian_folder.ts";
import { run, type RunResult } from "../runner/process.ts";
import { runtimeProgram } from "../runner/runtimes.ts";
import { runMain } from "../run_main.ts";
import { say } from "../say.ts";

const guide = Deno.readTextFileSync("docs/deploying.md");
const certificates = "/etc/ssl/certs/ca-certificates.crt";

/** Starts the command of the container, asks it as a client does, and ends it as an orchestrator does. */
const ask = `"$@" & service=$!
deno eval --quiet '
  let left = 600;
  for (const path of ["", "jwks.json"]) {
    for (let text; !text; left--) {
      text = await fetch("http://127.0.0.1:8080/" + path).then((answer) => answer.text(), (error) => {
        if (left <= 0) throw error;
      });
      if (!text) await new Promise((resolve) => setTimeout(resolve, 100));
      else console.log("answer " + text);
    }
  }'
kill -TERM $service; wait $service; echo "ended with $?"`;

type Buildah = (...args: string[]) => Promise<RunResult>;

/** The first block of the guide in a language. */
function block(language: string): string {
  const text = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1];
  if (text === undefined) throw new Error(`Cannot find the container: docs/deploying.md has no block of ${language}`);
  return text;
}

/** Makes what stands for the image that the Dockerfile begins with: Deno, its user, and this machine's way to the network. */
async function makeBase(buildah: Buildah, work: string): Promise<void> {
  const image = /^FROM (denoland\/deno:debian-(\S+))$/m.exec(block("dockerfile"));
  if (image?.[2] !== Deno.version.deno) {
    throw new Error(`Cannot stand for ${image?.[1]}: this is Deno ${Deno.version.deno}`);
  }
  await buildah("from", "--name", "base", "scratch");
  const root = (await buildah("mount", "base")).output.trim();
  await succeed("cp", run(["cp", "-a", `${await debianFolder(13, ["nodejs", "npm"])}/.`, root]));
  await Deno.copyFile(Deno.execPath(), `${root}/usr/bin/deno`);
  await Deno.chmod(`${root}/usr/bin/deno`, 0o755);
  await buildah(
    "run",
    "base",
    "--",
    "sh",
    "-c",
    "useradd --uid 1993 --create-home deno && install -d -o deno /deno-dir",
  );
  const variables = ["DENO_DIR=/deno-dir", `SSL_CERT_FILE=${certificates}`, `NODE_EXTRA_CA_CERTS=${certificates}`];
  await buildah("config", ...variables.flatMap((variable) => ["--env", variable]), "base");
  await buildah("commit", "--rm", "base", `docker.io/${image[1]}`);
  await Deno.mkdir(`${work}/app`);
}

/** Puts what the guide shows into a folder, and builds it. */
async function build(buildah: Buildah, work: string): Promise<void> {
  const files = { "main.ts": block("ts ignore"), "deno.json": block("json"), Dockerfile: block("dockerfile") };
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${work}/app/${name}`, text);
  await Deno.writeTextFile(`${work}/pin`, "1234\n");
  await cloneInto(work, "/app/gp11");
  await buildah("bud", "--pull-never", "--tag", "api", `${work}/app`);
  await buildah("from", "--pull-never", "--name", "api", "api");
}

/** What is wrong with what the service answers, and with how it ends. */
async function problemsOf(buildah: Buildah, work: string): Promise<string[]> {
  const inspected = await buildah("inspect", "--type", "container", "api");
  const command: string[] = JSON.parse(inspected.output).OCIv1.config.Cmd;
  const pin = `${work}/pin:/run/secrets/pin:ro`;
  const { output } = await buildah("run", "--volume", pin, "api", "--", "sh", "-c", ask, "ask", ...command);
  const [token = "", keys = "{}"] = [...output.matchAll(/^answer (.*)$/gm)].map((match) => match[1]!);
  const problems = output.includes("ended with 0") ? [] : ["the service does not end by SIGTERM"];
  try {
    const { claims, header } = await verifyJwt(token, JSON.parse(keys).keys[0], { issuer: "https://api.example" });
    say(`ok   the service signs: ${header.alg}, for ${claims.exp! - claims.iat!} seconds`);
  } catch (error) {
    problems.push(`no token that verifies: ${error instanceof Error ? error.message : error}`);
  }
  return problems.map((problem) => `${problem}\n${output}`);
}

/** The command line as one file that Bun has compiled, where there is no Bun. */
async function problemsOfOneFile(buildah: Buildah, work: string): Promise<string[]> {
  const compile = [await runtimeProgram("bun"), "build", "--compile", "cli.ts", "--outfile", `${work}/gp11`];
  await succeed("bun build", run(compile, { timeoutMs: 600_000 }));
  await buildah("copy", "api", `${work}/gp11`, "/usr/local/bin/gp11");
  const softhsm = "/usr/lib/softhsm/libsofthsm2.so";
  const { output } = await buildah("run", "api", "--", "gp11", "--module", softhsm, "slots", "--json");
  if (!output.includes('"api"')) return [`the compiled command line does not see the token\n${output}`];
  say("ok   the compiled command line sees the token");
  return [];
}

async function main(): Promise<number> {
  if (Deno.uid() !== 0 || !["buildah", "ip", "unshare"].every((name) => programPath(name))) {
    const packages = "buildah debootstrap iproute2 util-linux";
    throw new Error(`Cannot build a container: run as root, after apt-get install --no-install-recommends ${packages}`);
  }
  const work = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "gp11-container-" });
  const storage = ["--root", `${work}/storage`, "--runroot", `${work}/run`];
  const buildah: Buildah = (...args) => {
    const [verb = ""] = args;
    const isolation = ["bud", "run"].includes(verb) ? ["--isolation", "chroot"] : [];
    const command = ["buildah", ...storage, verb, ...isolation, ...args.slice(1)];
    // What runs has a network of its own: neither the port nor the service is seen by others.
    const alone = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "alone"];
    return succeed(
      `buildah ${verb}`,
      run(args[1] === "api" ? [...alone, ...command] : command, { timeoutMs: 900_000 }),
    );
  };
  try {
    await makeBase(buildah, work);
    await build(buildah, work);
    const problems = [...await problemsOf(buildah, work), ...await problemsOfOneFile(buildah, work)];
    for (const problem of problems) say(`FAIL ${problem}`);
    return problems.length > 0 ? 1 : 0;
  } finally {
    await run(["rm", "-rf", "--one-file-system", work]);
  }
}

await runMain(main);
