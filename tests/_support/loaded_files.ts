// What a program loads with an entry of the library, before its first statement runs.
import { codeOf, projectRoot, readText } from "./source_text.ts";

/** What an entry has loaded: files of the library, modules of Node, npm libraries. */
interface Loaded {
  readonly files: readonly string[];
  readonly builtins: readonly string[];
  readonly libraries: readonly string[];
}

const known = new Map<string, readonly string[]>();

/** The names a file imports when it is loaded: neither types alone nor what `import()` loads later. */
function loadedNames(file: string): readonly string[] {
  let names = known.get(file);
  if (names === undefined) known.set(file, names = readNames(file));
  return names;
}

function readNames(file: string): readonly string[] {
  const source = readText(file);
  const code = codeOf(source);
  const statement =
    /^(?:import\s+(?!type\b)(?:([\w$*{},\s]+?)\bfrom\s*)?|export\s*([*{][\w$*{},\s]*?)\bfrom\s*)"([^"\n]+)"/gm;
  return [...source.matchAll(statement)]
    .filter(({ index }) => /\S/.test(code[index]!))
    .filter(([, imported, exported]) => !/^\{(?:\s*type\s[^,}]+,?)+\s*\}\s*$/.test(imported ?? exported ?? ""))
    .map(([, , , name]) => name!);
}

/** The files of the library that a file imports. */
function loadedFiles(file: string): readonly string[] {
  return loadedNames(file).filter((name) => name.startsWith("."))
    .map((name) => new URL(name, new URL(file, projectRoot)).href.slice(projectRoot.href.length));
}

/** All that an entry loads. */
export function loadedBy(entry: string): Loaded {
  const files = new Set([entry]);
  const others = new Set<string>();
  for (const file of files) {
    for (const name of loadedNames(file)) if (!name.startsWith(".")) others.add(name);
    for (const path of loadedFiles(file)) files.add(path);
  }
  const isBuiltin = (name: string) => name.startsWith("node:");
  return {
    files: [...files],
    builtins: [...others].filter(isBuiltin).sort(),
    libraries: [...others].filter((name) => !isBuiltin(name)).sort(),
  };
}

/**
 * The files that an entry loads and does not import itself, in the order in which they are evaluated.
 *
 * @param without A file that says it, too, and is passed over.
 */
export function evaluationOrder(entry: string, without: string): readonly string[] {
  const seen = new Set([without]);
  const order: string[] = [];
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const next of loadedFiles(file)) visit(next);
    order.push(file);
  };
  visit(entry);
  const direct = new Set([entry, ...loadedFiles(entry)]);
  return order.filter((file) => !direct.has(file));
}
