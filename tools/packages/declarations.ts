/** The declarations of the packages. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import ts from "typescript";

/**
 * Writes the declarations of entries, and of every source they name, into a folder. They import each other as `.js`, as
 * every compiler reads them.
 *
 * @throws {Error} For a source whose declarations need more than itself.
 */
export function writeDeclarations(entries: readonly string[], outDir: string): void {
  const waiting = entries.map((entry) => posix.normalize(entry));
  const known = new Set(waiting);
  for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
    const { named, text } = declarationOf(source);
    const target = join(outDir, source.replace(/\.ts$/, ".d.ts"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    for (const path of named) if (!known.has(path)) waiting.push(path);
    for (const path of named) known.add(path);
  }
}

/** The declarations of one source, and the sources they name. */
function declarationOf(source: string): { readonly text: string; readonly named: readonly string[] } {
  const { outputText, diagnostics } = ts.transpileDeclaration(readFileSync(source, "utf8"), {
    fileName: source,
    reportDiagnostics: true,
    compilerOptions: { isolatedDeclarations: true, strict: true, target: ts.ScriptTarget.ESNext },
  });
  if (diagnostics?.length) throw new Error(`Cannot declare ${source}: ${ts.formatDiagnostics(diagnostics, host)}`);
  const named: string[] = [];
  const text = withoutTwins(withoutEffects(outputText)).replace(
    /((?:\bfrom |\bimport\()")(\.[^"\n]*)\.ts"/g,
    (_, before: string, path: string) => {
      named.push(posix.join(posix.dirname(source), `${path}.ts`));
      return `${before}${path}.js"`;
    },
  );
  return { text, named };
}

/** Sources that are imported for what they do declare nothing, and have no declarations that a compiler could find. */
function withoutEffects(text: string): string {
  return text.replace(/^import "\.[^"\n]*";\n/gm, "");
}

/** Where it declares a file alone, the compiler says methods named by a symbol a second time, as properties. */
function withoutTwins(text: string): string {
  return text.replace(
    /^ +(\[Symbol\.\w+\]): \([^\n]*\) => [^\n]*;\n/gm,
    (line, name: string) => text.includes(`${name}(`) ? "" : line,
  );
}

const host: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => ".",
  getNewLine: () => "\n",
};
