// What the entries export, types included, as `deno doc` reads it from the sources.
import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { projectRoot, readText } from "./source_text.ts";

/** One exported name. */
export interface PublicName {
  /** Members of its instances, or of the interface. */
  readonly members: ReadonlySet<string>;
  /** Static members. */
  readonly statics: ReadonlySet<string>;
}

interface Member {
  readonly name?: string;
  readonly isStatic?: boolean;
}

interface Documentation {
  readonly nodes: Record<string, {
    readonly symbols: {
      readonly name: string;
      readonly declarations: { readonly kind: string; readonly def?: Record<string, unknown> }[];
    }[];
  }>;
}

/** The entries of deno.json, such as `./session`, and their files. */
export const entries: Readonly<Record<string, string>> = JSON.parse(readText("deno.json")).exports;

/** The names an entry's file exports, each with its members. Runs on Deno. */
export function publicNames(file: string): Map<string, PublicName> {
  const output = execFileSync(process.execPath, ["doc", "--json", file], {
    cwd: fileURLToPath(projectRoot),
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  const documentation: Documentation = JSON.parse(output);
  const names = new Map<string, PublicName>();
  for (const { symbols } of Object.values(documentation.nodes)) {
    for (const { name, declarations } of symbols) {
      const all = declarations.flatMap(({ def }) => membersOf(def));
      const pick = (isStatic: boolean) =>
        new Set(all.filter((member) => Boolean(member.isStatic) === isStatic).map((member) => member.name ?? ""));
      names.set(name, { members: pick(false), statics: pick(true) });
    }
  }
  return names;
}

function membersOf(definition: Record<string, unknown> | undefined): Member[] {
  if (!definition) return [];
  const lists = [definition.properties, definition.methods];
  return lists.flatMap((list) => Array.isArray(list) ? list : []);
}
