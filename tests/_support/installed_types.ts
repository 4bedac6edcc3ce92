// Compiles a program against packages that are installed beside it, as its own compiler would in several settings; what the
// settings have in common, the compiler's own libraries and Node's types, is read once.
import { join } from "node:path";
import ts from "typescript";

/** How a program is compiled. */
export interface CompilerSetting {
  /** Whether it has the DOM library. */
  readonly dom: boolean;
  /** How it finds packages. */
  readonly resolution: "bundler" | "nodenext";
  /** What it is told besides. */
  readonly more?: ts.CompilerOptions;
}

/** The four settings, by what a test calls them. */
export const compilerSettings: ReadonlyMap<string, CompilerSetting> = new Map(
  (["bundler", "nodenext"] as const).flatMap((resolution) =>
    [true, false].map((dom) => [`${resolution}, ${dom ? "with" : "without"} the DOM library`, { dom, resolution }])
  ),
);

/** A folder with a program and packages. */
export class InstalledTypes {
  readonly #folder: string;
  readonly #parsed = new Map<string, ts.SourceFile | undefined>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What a strict compiler that looks into packages finds fault with, in the program and in each package but Node's types. */
  errors(program: string, { dom, more = {}, resolution }: CompilerSetting): string[] {
    const options: ts.CompilerOptions = {
      target: ts.ScriptTarget.ESNext,
      module: resolution === "bundler" ? ts.ModuleKind.Preserve : ts.ModuleKind.NodeNext,
      moduleResolution: resolution === "bundler" ? ts.ModuleResolutionKind.Bundler : ts.ModuleResolutionKind.NodeNext,
      lib: ["lib.esnext.d.ts", ...(dom ? ["lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"] : [])],
      types: ["node"],
      typeRoots: [join(this.#folder, "node_modules/@types")],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedSideEffectImports: true,
      noEmit: true,
      ...more,
    };
    const host = ts.createCompilerHost(options);
    const parse = host.getSourceFile.bind(host);
    host.getCurrentDirectory = () => this.#folder;
    host.getSourceFile = (path, how, ...rest) => {
      // Others may not be shared: what is bound in one setting is bound again in the next.
      if (!isCommon(path)) return parse(path, how, ...rest);
      if (!this.#parsed.has(path)) this.#parsed.set(path, parse(path, how, ...rest));
      return this.#parsed.get(path);
    };
    const compiled = ts.createProgram([join(this.#folder, program)], options, host);
    const looked = compiled.getSourceFiles().filter(({ fileName }) => !isCommon(fileName));
    const found = [
      ...compiled.getOptionsDiagnostics(),
      ...compiled.getGlobalDiagnostics(),
      ...looked.flatMap((
        file,
      ) => [...compiled.getSyntacticDiagnostics(file), ...compiled.getSemanticDiagnostics(file)]),
    ];
    return found.map(({ file, messageText, start }) => {
      const message = ts.flattenDiagnosticMessageText(messageText, "\n");
      if (file === undefined) return message;
      return `${file.fileName.slice(this.#folder.length + 1)}:${
        file.getLineAndCharacterOfPosition(start ?? 0).line + 1
      }: ${message}`;
    });
  }
}

function isCommon(path: string): boolean {
  return /\/typescript\/lib\/|\/@types\/node\/|\/undici-types\//.test(path) ||
    /\/typescript\/[^/]+\/lib\/lib\.[^/]*\.d\.ts$/.test(path);
}
