// Runs a file of the Web Platform Tests in this process: testharness.js, the scripts that the file names, and the file.
import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { say } from "../say.ts";

/** What testharness.js tells of a test, and of the whole file. */
interface Status {
  readonly status: number;
  readonly message: string | null;
}

/** What of testharness.js is used, which puts it among the globals. */
interface Harness {
  setup(options: { readonly explicit_timeout: boolean }): void;
  add_completion_callback(ended: (tests: readonly (Status & { readonly name: string })[], file: Status) => void): void;
}

/** Where a file runs. */
export interface Page {
  /** The folder of the suite. */
  readonly folder: string;
  /** The file's path in it. */
  readonly file: string;
  /** What `location` is. */
  readonly location: string;
  /** Changes a script before it runs. */
  readonly prepared?: (text: string) => string;
}

/** Puts values among the globals, in the place of what the runtime has there. */
export function setGlobals(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

/** The scripts that a file names (`META: script=`), and the file itself, as one text: each sees what the others declare. */
function scriptsOf({ folder, file }: Page): string {
  const text = readFileSync(join(folder, file), "utf8");
  const names = [...text.matchAll(/^\/\/ META: script=(.*)$/gm)].map(([, name]) => name!.trim());
  const paths = names.map((name) => name.startsWith("/") ? name : posix.join(dirname(file), name));
  return [...paths.map((path) => readFileSync(join(folder, path), "utf8")), text].join("\n;\n");
}

/** Runs the file; a line of JSON tells each test's name and what was wrong, null where nothing was. */
export async function runFile(page: Page): Promise<void> {
  const { folder, location, prepared = (text: string) => text } = page;
  const inGlobalScope = eval;
  const is = (value: boolean) => () => value;
  setGlobals({
    self: globalThis,
    location: new URL(location),
    GLOBAL: { isWindow: is(false), isWorker: is(true), isShadowRealm: is(false) },
  });
  inGlobalScope(prepared(readFileSync(join(folder, "resources/testharness.js"), "utf8")));
  const harness = globalThis as unknown as Harness;
  harness.setup({ explicit_timeout: true });
  const ended = new Promise<void>((resolve) => {
    harness.add_completion_callback((tests, file) => {
      const all = file.status === 0 ? tests : [...tests, { name: "the harness", ...file }];
      for (const { name, status, message } of all) {
        say(JSON.stringify({ name, problem: status === 0 ? null : message ?? "it has failed" }));
      }
      resolve();
    });
  });
  // Whoever waits for a stream's end alone keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  inGlobalScope(prepared(scriptsOf(page)));
  await ended;
  clearInterval(alive);
}
