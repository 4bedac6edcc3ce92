/** Which runtime this is, and what one of them does otherwise: the one place that looks. */

/** The runtimes this library knows. */
export type RuntimeName = "deno" | "bun" | "node";

/** A runtime as messages name it: one of those, or one of which nothing is known here. */
export type RuntimeLabel = RuntimeName | (string & Record<never, never>);

/** What Deno says of itself; there, to look at `process` loads a dozen of Node's modules, half of what the library takes. */
interface DenoItself {
  readonly version: { readonly deno: string };
  readonly build: { readonly os: string; readonly arch: string };
  readonly pid: number;
  readonly env: { get(name: string): string | undefined };
}

/** What the others say. */
interface ProcessItself {
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly arch: string;
  readonly pid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const itself = globalThis as unknown as { readonly Deno?: DenoItself; readonly process: ProcessItself };
const deno: DenoItself | null = isDeno(itself.Deno) ? itself.Deno : null;

/** Programs of other runtimes may have something of that name. */
function isDeno(value: DenoItself | undefined): value is DenoItself {
  return typeof value?.version?.deno === "string" && typeof value.build?.os === "string" &&
    globalThis.navigator?.userAgent?.startsWith("Deno/");
}

/** The versions of the runtime and of what it is made of, as `process.versions` has them; of Deno, its own alone. */
export const runtimeVersions: Readonly<Record<string, string | undefined>> = deno === null
  ? itself.process.versions
  : { deno: deno.version.deno };

/** The operating system, in the words of `process.platform`. */
export const platform: string = deno === null
  ? itself.process.platform
  : deno.build.os === "windows"
  ? "win32"
  : deno.build.os;

/** The processor, in the words of `process.arch`. */
export const processorName: string = deno === null
  ? itself.process.arch
  : { x86_64: "x64", aarch64: "arm64" }[deno.build.arch] ?? deno.build.arch;

/** The processor, in the words of GNU's names of systems, as folders of libraries have it. */
export const machineName: string = { x64: "x86_64", arm64: "aarch64", ia32: "i386" }[processorName] ?? processorName;

/** The number of this process. */
export function processId(): number {
  return (deno ?? itself.process).pid;
}

/** A variable of the environment. */
export function environmentValue(name: string): string | undefined {
  return deno === null ? itself.process.env[name] : deno.env.get(name);
}

/** The runtime that these versions are of. */
export function runtimeName(versions: Readonly<Record<string, string | undefined>> = runtimeVersions): RuntimeName {
  return versions["deno"] ? "deno" : versions["bun"] ? "bun" : "node";
}

/**
 * `node:zlib` has Zstandard: on Node from 22.15, on the others always. Looking there would load what the first request over
 * TLS has no other use for.
 */
export const hasZstandard: boolean = deno !== null || "zstd" in runtimeVersions;

/** Every runtime asks a value by this symbol how it is to be shown. */
export const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** Deno asks events and their targets, where they stand in other values, by one of its own before. */
export const INSPECT_FIRST: unique symbol = Symbol.for("Deno.privateCustomInspect");

/** Whether the runtime's own permissions do not allow something; its words tell which is missing. */
export function isPermissionError(error: unknown): boolean {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return name === "NotCapable" || name === "PermissionDenied" || code === "ERR_ACCESS_DENIED";
}

/** As it is when this library is loaded; where it is a getter, the runtime loads it with the first look. */
const cryptoProperty = Object.getOwnPropertyDescriptor(globalThis, "crypto");
let ownCrypto: typeof globalThis.crypto | undefined;

/**
 * The runtime's own `crypto`, also where a program has put another in its place, as one does that has a library work with
 * keys of a token: what that is made of must not ask it in turn.
 */
export function runtimeCrypto(): typeof globalThis.crypto {
  return ownCrypto ??= cryptoProperty === undefined
    ? globalThis.crypto
    : cryptoProperty.get?.call(globalThis) ?? cryptoProperty.value;
}
