// Compiles small programs against the package's declarations, as the compiler of a program that uses it would: the types
// are tested, nothing runs. Runs on Deno, whose cache has the compiler.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type TypeScript from "typescript";
import { filesBelow, librarySources, readText } from "./source_text.ts";

type Compiler = typeof TypeScript;

/** A program: what is declared for all of its lines, those that compile and those that do not. */
export interface TypeProgram {
  /** Imports and declarations the lines use. */
  readonly setting: string;
  /** Statements that compile. */
  readonly right: readonly string[];
  /** Statements, a line each, of which each is an error. */
  readonly wrong: readonly string[];
}

/** What a program may have set otherwise than its neighbour. */
export interface TypeSettings {
  readonly exactOptionalPropertyTypes: boolean;
  /** The DOM library; Node's types where it is missing. */
  readonly dom: boolean;
}

/** The four settings, by what a test calls them. */
export const typeSettings: ReadonlyMap<string, TypeSettings> = new Map(
  [true, false].flatMap((dom) =>
    [true, false].map((exactOptionalPropertyTypes) => [
      `${dom ? "the DOM library" : "Node's types"}${exactOptionalPropertyTypes ? ", exact optional properties" : ""}`,
      { dom, exactOptionalPropertyTypes },
    ])
  ),
);

/** The folder all files of a program seem to be in. */
const ROOT = "/program";

/** The compiler, the package's declarations, and what it says of programs. */
export class TypePrograms {
  readonly #ts: Compiler;
  readonly #sources: ReadonlySet<string> = new Set(librarySources());
  readonly #declarations = new Map<string, string>();
  readonly #folders = new Map<string, string>();
  readonly #parsed = new Map<string, TypeScript.SourceFile>();
  readonly #slow = new Map<string, readonly string[]>();

  private constructor(ts: Compiler) {
    this.#ts = ts;
  }

  static #loaded: Promise<TypePrograms> | null = null;

  /** Loads the compiler; declarations are made once for all tests of a process. */
  static load(): Promise<TypePrograms> {
    return TypePrograms.#loaded ??= TypePrograms.#load();
  }

  static async #load(): Promise<TypePrograms> {
    const { default: ts } = await import("typescript");
    const programs = new TypePrograms(ts);
    const lib = dirname(ts.sys.getExecutingFilePath());
    programs.#folders.set(`${ROOT}/lib`, lib);
    const name: string = "@types/node/package.json";
    // Node's types have no code to import; what is imported is in the cache.
    await import(name, { with: { type: "json" } });
    const manifest = fileURLToPath(import.meta.resolve(name));
    programs.#folders.set(`${ROOT}/node_modules/@types/node`, dirname(manifest));
    const undici = createRequire(manifest).resolve("undici-types/package.json");
    programs.#folders.set(`${ROOT}/node_modules/undici-types`, dirname(undici));
    return programs;
  }

  /** What is not as it should be, one text each: errors in right lines, wrong lines that compile. */
  problems(
    programs: Readonly<Record<string, TypeProgram>>,
    { dom, exactOptionalPropertyTypes }: TypeSettings,
  ): string[] {
    const texts = new Map(Object.entries(programs).map(([name, program]) => [fileNameOf(name), textOf(program)]));
    const ts = this.#ts;
    const host: TypeScript.CompilerHost = {
      fileExists: (path) => this.#read(path) !== undefined,
      readFile: (path) => this.#read(path),
      directoryExists: (path) => path.startsWith(ROOT),
      getDirectories: () => [],
      getSourceFile: (path, options) => this.#parse(texts, path, options),
      getDefaultLibFileName: (options) => `${ROOT}/lib/${ts.getDefaultLibFileName(options)}`,
      getDefaultLibLocation: () => `${ROOT}/lib`,
      getCurrentDirectory: () => ROOT,
      getCanonicalFileName: (path) => path,
      useCaseSensitiveFileNames: () => true,
      getNewLine: () => "\n",
      writeFile: () => {},
    };
    const options: TypeScript.CompilerOptions = {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      lib: ["lib.esnext.d.ts", ...(dom ? ["lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"] : [])],
      types: dom ? [] : ["node"],
      strict: true,
      exactOptionalPropertyTypes,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
      noEmit: true,
      paths: { "@gp11/gp11": ["./mod.d.ts"], "@gp11/gp11/*": ["./*/mod.d.ts"] },
    };
    const program = ts.createProgram([...texts.keys()], options, host);
    const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
    for (const file of texts.keys()) {
      const source = program.getSourceFile(file);
      found.push(...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source));
    }
    return found.map((each) => {
      const message = ts.flattenDiagnosticMessageText(each.messageText, "\n");
      if (each.file === undefined) return message;
      const { line } = each.file.getLineAndCharacterOfPosition(each.start ?? 0);
      const isUnused = message.startsWith("Unused '@ts-expect-error'");
      const text = each.file.text.split("\n")[isUnused ? line + 1 : line]!.trim();
      return isUnused ? `this compiles: ${text}` : `${text}\n  ${message}`;
    });
  }

  /** What stands in the way of making the declarations of a floor file by file (`isolatedDeclarations`). */
  slow(floor: string): string[] {
    return filesBelow(floor).flatMap((path) => {
      this.#declaration(path);
      return this.#slow.get(path)!;
    });
  }

  /**
   * The optional properties of public types that may not be given as `undefined`: with `exactOptionalPropertyTypes` a
   * program could not hand on its own optional ones.
   */
  withoutUndefined(names: ReadonlySet<string>): string[] {
    const ts = this.#ts;
    const found: string[] = [];
    const isWhole = ({ kind }: TypeScript.TypeNode): boolean =>
      [ts.SyntaxKind.UndefinedKeyword, ts.SyntaxKind.UnknownKeyword].includes(kind);
    for (const path of this.#sources) {
      const visit = (node: TypeScript.Node, owner: string): void => {
        if (ts.isPropertySignature(node) && node.questionToken !== undefined && node.type !== undefined) {
          const types = ts.isUnionTypeNode(node.type) ? node.type.types : [node.type];
          if (!types.some(isWhole)) found.push(`${path}: ${owner}.${node.name.getText()}`);
        }
        ts.forEachChild(node, (child) => visit(child, owner));
      };
      for (const statement of ts.createSourceFile(path, readText(path), ts.ScriptTarget.ESNext, true).statements) {
        const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
        if (isType && names.has(statement.name.text)) visit(statement, statement.name.text);
      }
    }
    return found;
  }

  /** The declarations of a source file. */
  #declaration(path: string): string {
    const known = this.#declarations.get(path);
    if (known !== undefined) return known;
    const ts = this.#ts;
    const { outputText, diagnostics } = ts.transpileDeclaration(readText(path), {
      fileName: path,
      reportDiagnostics: true,
      compilerOptions: { isolatedDeclarations: true, strict: true, target: ts.ScriptTarget.ESNext },
    });
    const text = outputText.replace(/((?:\bfrom |\bimport\()"\.[^"\n]*)\.ts"/g, '$1.js"');
    this.#declarations.set(path, text);
    const messages = (diagnostics ?? []).map((each) => ts.flattenDiagnosticMessageText(each.messageText, " "));
    this.#slow.set(path, messages.map((message) => `${path}: ${message}`));
    return text;
  }

  #parse(
    texts: ReadonlyMap<string, string>,
    path: string,
    options: TypeScript.ScriptTarget | TypeScript.CreateSourceFileOptions,
  ): TypeScript.SourceFile | undefined {
    const source = texts.get(path);
    if (source !== undefined) return this.#ts.createSourceFile(path, source, options);
    const before = this.#parsed.get(path);
    if (before !== undefined) return before;
    const text = this.#read(path);
    if (text === undefined) return undefined;
    const parsed = this.#ts.createSourceFile(path, text, options);
    this.#parsed.set(path, parsed);
    return parsed;
  }

  #read(path: string): string | undefined {
    for (const [prefix, folder] of this.#folders) {
      const file = `${folder}${path.slice(prefix.length)}`;
      if (path.startsWith(`${prefix}/`)) return existsSync(file) ? readFileSync(file, "utf8") : undefined;
    }
    const source = path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1).replace(/\.d\.ts$/, ".ts") : "";
    return path.endsWith(".d.ts") && this.#sources.has(source) ? this.#declaration(source) : undefined;
  }
}

function fileNameOf(name: string): string {
  return `${ROOT}/src/${name.replaceAll(/\W+/g, "_")}.ts`;
}

/** Each line in a function of its own, so that one cannot narrow what the next sees. */
function textOf({ setting, right, wrong }: TypeProgram): string {
  return [
    setting,
    ...right.map((line, index) => `export async function right${index}() {\n${line}\n}`),
    ...wrong.map((line, index) =>
      `export async function wrong${index}() {\n// @ts-expect-error It must not compile\n${line}\n}`
    ),
    "",
  ].join("\n");
}
