// deno task doc: the reference of every entry as web pages, in .tmp/doc/ (or another folder), which no commit holds.
import { resolve } from "node:path";
import { folderArgument } from "./folder_argument.ts";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

const folder = resolve(folderArgument("doc", ".tmp/doc"));
const { exports: entries, name }: { exports: Record<string, string>; name: string } = JSON.parse(
  Deno.readTextFileSync("deno.json"),
);
const command = ["doc", "--html", `--name=${name}`, `--output=${folder}`, ...Object.values(entries)];
const { code, output } = await run([Deno.execPath(), ...command], { env: { NO_COLOR: "1" }, timeoutMs: 300_000 });
say(code === 0 ? `Open ${folder}/index.html` : output.trimEnd());
Deno.exitCode = code;
