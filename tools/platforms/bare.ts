// deno task test:bare: the README's two commands on a bare Debian with nothing but its own Node and npm, in a folder.
//
//   deno task test:bare               Debian 12 and 13, as root and as a user who may install nothing
//   deno task test:bare 13 root       one of them
//   deno task test:bare 13 root keep  the same, and the folder stays, to look for what failed
import { run } from "../runner/process.ts";
import { runMain } from "../run_main.ts";
import { say } from "../say.ts";
import { cloneInto, debianFolder, type DebianRelease, runInFolder, succeed } from "./debian_folder.ts";

const releases: readonly DebianRelease[] = [12, 13];
const users = ["root", "user"] as const;
type User = (typeof users)[number];

/** The README's commands. */
function readmeCommands(): { demo: string; test: string } {
  const [demo, test] = ["demo", "test"].map((task) =>
    new RegExp(`^npx -y deno@\\S+ task ${task}\\b`, "m").exec(Deno.readTextFileSync("README.md"))?.[0]
  );
  if (!demo || !test) throw new Error("Cannot find the two commands: the README names them otherwise");
  return { demo, test };
}

/** Runs both in a fresh copy. Returns what went otherwise than it should. */
async function tryOut(release: DebianRelease, user: User, keep: boolean): Promise<string[]> {
  const where = `Debian ${release} as ${user}`;
  const base = await debianFolder(release, ["nodejs", "npm"]);
  const folder = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "gp11-bare-" });
  const problems: string[] = [];
  try {
    await succeed("cp", run(["cp", "-a", `${base}/.`, folder]));
    const home = user === "root" ? "/root" : "/home/user";
    if (user === "user") await succeed("useradd", runInFolder(folder, "useradd -m user && cp /root/.npmrc /home/user"));
    await cloneInto(folder, `${home}/gp11`);
    await succeed("chown", runInFolder(folder, `chown -R ${user}:${user} ${home}`));
    const { demo, test } = readmeCommands();
    const shown = await runInFolder(folder, `cd ~/gp11 && ${demo}`, { user });
    say(`${where}: ${shown.output}`);
    const says = shown.output.includes("Run as root: apt-get update && apt-get install");
    if (user === "root" ? shown.code !== 0 : !says) problems.push(`${where}: ${demo} ended with ${shown.code}`);
    const tested = await runInFolder(folder, `cd ~/gp11 && ${test}`, { user, inherit: true });
    if (tested.code !== 0) problems.push(`${where}: ${test} ended with ${tested.code}`);
  } finally {
    if (keep) say(`${where} stays in ${folder}`);
    else await run(["rm", "-rf", "--one-file-system", folder]);
  }
  return problems;
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => ![...releases, ...users, "keep"].some((known) => String(known) === arg));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot read "${unknown}"\nUsage: deno task test:bare [12|13] [root|user] [keep]`);
  }
  const chosen = <T extends string | number>(all: readonly T[]) => {
    const some = all.filter((one) => args.includes(String(one)));
    return some.length > 0 ? some : all;
  };
  const problems: string[] = [];
  for (const release of chosen(releases)) {
    for (const user of chosen(users)) problems.push(...await tryOut(release, user, args.includes("keep")));
  }
  say(problems.length > 0 ? `\nFailed:\n  ${problems.join("\n  ")}` : "\nBoth commands do what the README says");
  return problems.length > 0 ? 1 : 0;
}

await runMain(main);
