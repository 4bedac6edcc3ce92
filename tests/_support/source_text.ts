// What the tests about the sources themselves need: the files, their imports, and their code without words.
import { readdirSync, readFileSync } from "node:fs";

/** The project's folder, with a slash at its end. */
export const projectRoot: URL = new URL("../../", import.meta.url);

/** The floors of the library, as folders. */
export const floors = ["internal", "ffi", "session", "http", "webcrypto", "opentelemetry", "pkcs11js", "cli"] as const;

/** The text of a file of the project. */
export function readText(path: string): string {
  return readFileSync(new URL(path, projectRoot), "utf8");
}

/** All files below a folder of the project whose name ends so, by path, sorted. */
export function filesBelow(folder: string, ending = ".ts"): string[] {
  const entries = readdirSync(new URL(`${folder}/`, projectRoot), { withFileTypes: true });
  const files = entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
  return files.sort();
}

/** The library's source files. */
export function librarySources(): string[] {
  const entries = readdirSync(projectRoot).filter((name) => /^(mod|cli)\.ts$/.test(name));
  return [...entries, ...floors.flatMap((floor) => filesBelow(floor))];
}

/** The names a source imports, statically or not. */
export function importedNames(source: string): string[] {
  const code = blank(source, { comments: true, strings: false });
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bgetBuiltinModule\s*\(\s*|\brequire\s*\(\s*)(["'])([^"'\n]+)\1/g;
  return [...code.matchAll(pattern)].map((match) => match[2]!);
}

/** A source without comments and without what stands inside strings; the lines stay where they are. */
export function codeOf(source: string): string {
  return blank(source, { comments: true, strings: true });
}

/** Replaces comments, and the insides of strings if asked, by spaces. What stands in `${…}` is code and stays. */
export function blank(source: string, what: { comments: boolean; strings: boolean }): string {
  const out: string[] = [];
  const hide = (text: string, hidden: boolean) => out.push(hidden ? text.replace(/[^\n]/g, " ") : text);
  const token =
    /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`|(?<=(?:^|[(,=:[!&|?{};\n>]|return)\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*|[{}]|[^"'`/{}]+|[^]/gy;
  // Each entry is the depth of braces at which a template's `${` was opened.
  const templates: number[] = [];
  let depth = 0;
  while (token.lastIndex < source.length) {
    const [text] = token.exec(source) ?? [source[token.lastIndex]!];
    if (text.startsWith("//") || text.startsWith("/*")) hide(text, what.comments);
    else if (/^["']/.test(text)) hide(text, what.strings);
    else if (text.length > 1 && text.startsWith("/")) hide(text, what.strings);
    else if (text === "`") readTemplate(text);
    else {
      if (text === "{") depth++;
      if (text === "}" && templates.at(-1) === depth) {
        templates.pop();
        depth--;
        readTemplate("}");
      } else {
        if (text === "}") depth--;
        out.push(text);
      }
    }
  }
  return out.join("");

  /** Reads a template from its opening, or from the end of a `${…}`, to the next `${` or its end. */
  function readTemplate(opening: string): void {
    out.push(opening);
    const rest = /(?:\\[^]|\$(?!\{)|[^`$\\])*/y;
    rest.lastIndex = token.lastIndex;
    const [text] = rest.exec(source)!;
    hide(text, what.strings);
    const end = source.startsWith("${", rest.lastIndex) ? "${" : "`";
    out.push(end);
    token.lastIndex = rest.lastIndex + end.length;
    if (end === "${") templates.push(++depth);
  }
}
