// The least that a first signature of this library can take by loading less: the library's text without any function that the
// signature does not call, and without what nothing names any more. What is left is read, compiled and run by every signature.
import * as esbuild from "esbuild";
import ts from "typescript";

/** What the program names of the library. */
const NAMED = 'export { CKM, CKO, Module } from "./session/mod.ts";';

const common = { format: "esm", target: "es2024", platform: "node", logLevel: "warning" } as const;

/** A function with a body of statements. */
type Body = ts.FunctionLikeDeclaration & { readonly body: ts.Block };

/** Another text for a part of one. */
type Edit = readonly [start: number, end: number, text: string];

/** The library as one module, without what it loads late. */
async function bundled(): Promise<string> {
  const late: esbuild.Plugin = {
    name: "late",
    setup: ({ onResolve }) =>
      onResolve(
        { filter: /^\./ },
        ({ kind, path }) => kind === "dynamic-import" ? { path, external: true } : undefined,
      ),
  };
  const { outputFiles: [library] } = await esbuild.build({
    ...common,
    bundle: true,
    write: false,
    packages: "external",
    tsconfigRaw: "{}",
    plugins: [late],
    stdin: { contents: NAMED, resolveDir: ".", loader: "ts" },
  });
  return library!.text;
}

/** The functions of a module that have statements, in the order of its text. */
function functionsOf(text: string): Body[] {
  const found: Body[] = [];
  const visit = (node: ts.Node): void => {
    const { body } = node as ts.FunctionLikeDeclaration;
    if (ts.isFunctionLike(node) && body !== undefined && ts.isBlock(body)) found.push(node as Body);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("library.js", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS));
  return found;
}

function edited(text: string, edits: readonly Edit[]): string {
  let at = 0;
  let result = "";
  for (
    const [start, end, instead] of edits.filter(([start], i) => !edits.slice(0, i).some((outer) => start < outer[1]))
  ) {
    result += text.slice(at, start) + instead;
    at = end;
  }
  return result + text.slice(at);
}

/** What is left of a function that never runs: of a method nothing, unless its class may name it. */
function emptied(node: Body): Edit {
  const isMember = ts.isMethodDeclaration(node) || ts.isAccessor(node);
  const goes = isMember && ts.isClassLike(node.parent) && ts.isIdentifier(node.name);
  return goes ? [node.getStart(), node.end, ""] : [node.body.getStart(), node.body.end, "{}"];
}

/**
 * The library with nothing but what runs.
 *
 * @param run Runs a program with the library of the text given, and tells which functions of it ran.
 */
export async function onlyWhatRuns(run: (library: string) => Iterable<number>): Promise<string> {
  const text = await bundled();
  const functions = functionsOf(text);
  const told = functions.map(({ body }, i): Edit => {
    const start = body.getStart() + 1;
    return [start, start, `ran.add(${i});`];
  });
  const ran = new Set(run(`const ran = globalThis.ran = new Set();\n${edited(text, told)}`));
  const left = edited(text, functions.filter((_, i) => !ran.has(i)).map(emptied));
  const { code } = await esbuild.transform(left, {
    ...common,
    treeShaking: true,
    minifyWhitespace: true,
    lineLimit: 120,
  });
  await esbuild.stop();
  return `// @bun\n${code}`;
}
