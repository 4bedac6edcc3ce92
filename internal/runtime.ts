/**
 * Which runtime this is, what one of them does otherwise, and the oldest that can do what the library does: the one place that
 * looks.
 *
 * @module
 */
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
const runtimeVersions: Readonly<Record<string, string | undefined>> = deno === null
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

/** What a runtime is asked for, in the words of the sentence. */
export type RuntimeUse = "PKCS#11 modules" | "HTTP sessions" | "TLS over sockets";

/** A version, the number of its patch only where that matters. */
type Version = readonly [major: number, minor: number, patch?: number];

/** The oldest version of each runtime by what it is asked for, under its name in `process.versions`. */
export const oldestRuntimes: Readonly<Record<RuntimeUse, { deno: Version; bun: Version; node: Version }>> = {
  // Bun before 1.3.7 dies when a worker thread ends that has linked a function by its address.
  "PKCS#11 modules": { deno: [2, 5], bun: [1, 3, 7], node: [26, 0] },
  // Node has process.getBuiltinModule from 22.3.
  "HTTP sessions": { deno: [2, 5], bun: [1, 3], node: [22, 3] },
  // On Deno 2.5, 2.6 and early 2.7 node:tls calls every certificate authorized, and a handshake over a socket that reads
  // already never ends: the read that waits takes the server's first bytes.
  "TLS over sockets": { deno: [2, 8], bun: [1, 3], node: [22, 3] },
};

const names = { deno: "Deno", bun: "Bun", node: "Node" } as const;

/**
 * Refuses a runtime that is too old for something.
 *
 * @throws Error one sentence that says what is needed
 */
export function requireRuntime(
  use: RuntimeUse,
  versions: Readonly<Record<string, string | undefined>> = runtimeVersions,
): void {
  if (isNewEnough(use, versions)) return;
  const runtime = runtimeName(versions);
  const oldest = oldestRuntimes[use];
  const version = versions[runtime] ?? "";
  const needed = Object.entries(names).map(([key, name]) => `${name} ${textOf(oldest[key as keyof typeof names])}`);
  throw new Error(
    `Cannot use ${use} on ${names[runtime]} ${version}: they need ${needed.slice(0, -1).join(", ")} or ${
      needed.at(-1)
    }, or a later version`,
  );
}

/** Whether a runtime can do something. */
export function isNewEnough(
  use: RuntimeUse,
  versions: Readonly<Record<string, string | undefined>> = runtimeVersions,
): boolean {
  const runtime = runtimeName(versions);
  const [major = 0, minor = 0, patch = 0] = (versions[runtime] ?? "").split(".").map((part) => parseInt(part, 10));
  const [wantedMajor, wantedMinor, wantedPatch = 0] = oldestRuntimes[use][runtime];
  return (major - wantedMajor || minor - wantedMinor || patch - wantedPatch) >= 0;
}

/** A version without the numbers that say nothing: Node 26, Deno 2.5. */
function textOf(version: Version): string {
  return version.join(".").replace(/\.0$/, "");
}
