import { builtin } from "../../internal/builtin_modules.ts";
import { environmentValue } from "../../internal/runtime.ts";
import { ConfigurationError } from "../errors.ts";
import { parseSettings, type Settings } from "./lexer.ts";

/** Which failures to open a file or folder count as "there is nothing". */
export interface Tolerance {
  /** A file or folder nobody is allowed to see; so for the user's own, which a security module may deny. */
  readonly denied: boolean;
}

/** Replaces a leading `~` by the home folder, and `~/.config` by `$XDG_CONFIG_HOME` where that is set. */
export function expandPath(path: string): string {
  if (path !== "~" && !path.startsWith("~/")) return path;
  const rest = path.slice(1).replace(/^\/+/, "");
  const configHome = environmentValue("XDG_CONFIG_HOME");
  if (configHome && (rest === ".config" || rest.startsWith(".config/"))) return join(configHome, rest.slice(8));
  return join(environmentValue("HOME") || builtin.os.homedir(), rest);
}

function join(folder: string, name: string): string {
  if (name === "") return folder;
  let end = folder.length;
  while (end > 0 && folder[end - 1] === "/") end--;
  return `${folder.slice(0, end)}/${name}`;
}

/** The settings in a file; none where it is missing. */
export function readSettings(path: string, { denied }: Tolerance): Settings {
  let bytes: Uint8Array;
  try {
    bytes = builtin.fs.readFileSync(path);
  } catch (error) {
    if (isMissing(error) || (denied && isDenied(error))) return new Map();
    throw new ConfigurationError(path, `couldn't open config file: ${reasonOf(error)}`, { cause: error });
  }
  return parseSettings(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), path);
}

/** The names and paths of the files in a folder, by name; none where the folder is missing. */
export function listFiles(folder: string, { denied }: Tolerance): { name: string; path: string }[] {
  let names: string[];
  try {
    names = builtin.fs.readdirSync(folder);
  } catch (error) {
    if (isMissing(error) || (denied && isDenied(error))) return [];
    throw new ConfigurationError(folder, `couldn't list directory: ${reasonOf(error)}`, { cause: error });
  }
  const files: { name: string; path: string }[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    try {
      if (!builtin.fs.statSync(path).isDirectory()) files.push({ name, path });
    } catch (error) {
      throw new ConfigurationError(path, `couldn't stat path: ${reasonOf(error)}`, { cause: error });
    }
  }
  return files;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

function isDenied(error: unknown): boolean {
  const code = codeOf(error);
  return code === "EACCES" || code === "EPERM";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
