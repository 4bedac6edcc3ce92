// Compiles small programs against the package's declarations, as the compiler of a program that uses it would: the types
// are tested, nothing runs. Runs on Deno, whose cache has the compiler.
import { createRequire } from "node:module";
import { dirname, posix } from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type TypeScript from "typescript";
import { filesBelow, librarySources, readText } from "./source_text.ts";

type Compiler = typeof TypeScript;

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

  /** Loads the compiler and makes the declarations. */
  static async load(): Promise<TypePrograms> {
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

  /**
   * What the compiler finds wrong, each as the name of the program and the message. `programs` are sources by their names.
   */
  errors(programs: Readonly<Record<string, string>>, { dom, exactOptionalPropertyTypes }: TypeSettings): string[] {
    const ts = this.#ts;
    const names = Object.keys(programs).map((name) => `${ROOT}/src/${name}.ts`);
    const host: TypeScript.CompilerHost = {
      fileExists: (path) => this.#read(path) !== undefined,
      readFile: (path) => this.#read(path),
      directoryExists: (path) => path.startsWith(ROOT),
      getDirectories: () => [],
      getSourceFile: (path, options) => this.#parse(programs, path, options),
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
    const program = ts.createProgram(names, options, host);
    const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
    for (const name of names) found.push(...program.getSemanticDiagnostics(program.getSourceFile(name)));
    return found.map(({ file, messageText }) => {
      const name = file === undefined ? "settings" : posix.basename(file.fileName, ".ts");
      return `${name}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
  }

  /** What stands in the way of making the declarations of a floor file by file (`isolatedDeclarations`). */
  slow(floor: string): string[] {
    return filesBelow(floor).flatMap((path) => {
      this.#declaration(path);
      return this.#slow.get(path)!;
    });
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
    programs: Readonly<Record<string, string>>,
    path: string,
    options: TypeScript.ScriptTarget | TypeScript.CreateSourceFileOptions,
  ): TypeScript.SourceFile | undefined {
    const source = programs[posix.basename(path, ".ts")];
    if (path.startsWith(`${ROOT}/src/`) && source !== undefined) {
      return this.#ts.createSourceFile(path, source, options);
    }
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
