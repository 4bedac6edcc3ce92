// Runs undici's tests of fetch over HTTP/2 with session.fetch: program.ts SOURCES CERTIFICATE KEY. The files stay as they are:
// what they require is told apart here, so that they run where node:test has not all that they use of it.
import nodeAssert from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { HttpSession } from "../../http/mod.ts";
import type { HttpFetchInit } from "../../http/mod.ts";
import { say } from "../say.ts";

const [sources = "", certFile = "", keyFile = ""] = process.argv.slice(2);
const nodeRequire = createRequire(import.meta.url);

/** The files, and which of their tests concern HTTP/2. */
const files: Readonly<Record<string, RegExp>> = {
  "test/fetch/http2.js": /./,
  "test/fetch/issue-5566.js": /./,
  "test/fetch/cookies.js": /http2/,
};
const LONGEST_MS = 60_000;

/** undici's Client as these tests use it: a session for one origin. */
class Client {
  readonly session: HttpSession;

  constructor(_origin: string, { connect }: { readonly connect?: { readonly rejectUnauthorized?: boolean } } = {}) {
    this.session = new HttpSession({ sslStrict: connect?.rejectUnauthorized !== false });
  }

  /** Calls back, or answers a promise where there is nobody to call. */
  close(callback?: (error: unknown) => void): Promise<void> | undefined {
    const closed = this.session.close();
    if (callback === undefined) return closed;
    closed.then(() => callback(null), callback);
    return undefined;
  }
}

interface UndiciInit extends HttpFetchInit {
  readonly dispatcher?: Client;
}

const shared = new HttpSession();

const undici = {
  Client,
  Headers,
  fetch: (url: string, { dispatcher, ...init }: UndiciInit = {}) => (dispatcher?.session ?? shared).fetch(url, init),
};

const certificate = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
const pem = { ...certificate, generate: () => Promise.resolve(certificate) };

/** What a test gets. */
class TestContext {
  /** The assertions of node:assert, counted. */
  readonly assert: object = new Proxy(nodeAssert, {
    get: (all, name) => {
      const assertion = Reflect.get(all, name) as (...given: unknown[]) => unknown;
      return (...given: unknown[]) => {
        this.#made++;
        return assertion(...given);
      };
    },
  });
  #made = 0;
  #planned: number | null = null;
  readonly #after: (() => unknown)[] = [];

  plan(count: number): void {
    this.#planned = count;
  }

  after(work: () => unknown): void {
    this.#after.push(work);
  }

  async end(): Promise<void> {
    for (const work of this.#after) await work();
    if (this.#planned !== null) nodeAssert.strictEqual(this.#made, this.#planned, "assertions that were planned");
  }
}

type TestBody = (t: TestContext) => unknown;

let tests: { readonly name: string; readonly body: TestBody }[] = [];
let hooks: { readonly before: (() => unknown)[]; readonly after: (() => unknown)[] } = { before: [], after: [] };

const nodeTest = {
  test(name: string, ...given: [...options: [{ readonly skip?: boolean }?], body: TestBody]): void {
    const options = given.length > 1 ? given[0] as { readonly skip?: boolean } : {};
    if (options.skip) say(`skip ${name}`);
    else tests.push({ name, body: given.at(-1) as TestBody });
  },
  describe: (_name: string, body: () => void): void => body(),
  before: (work: () => unknown): void => void hooks.before.push(work),
  after: (work: () => unknown): void => void hooks.after.push(work),
};

function load(path: string): unknown {
  const module = { exports: {} as unknown };
  const known: Readonly<Record<string, unknown>> = {
    "node:test": nodeTest,
    "@metcoder95/https-pem": pem,
    [resolve(sources)]: undici,
  };
  const require = (name: string): unknown => {
    const wanted = name.startsWith(".") ? resolve(dirname(path), name) : name;
    if (wanted in known) return known[wanted];
    return name.startsWith(".") ? load(`${wanted}.js`) : nodeRequire(name);
  };
  const names = ["require", "module", "exports", "__filename", "__dirname"];
  const run = new Function(...names, readFileSync(path, "utf8"));
  run(require, module, module.exports, path, dirname(path));
  return module.exports;
}

async function tried(body: TestBody): Promise<void> {
  const t = new TestContext();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it has not ended")), LONGEST_MS);
  });
  try {
    await Promise.race([Promise.resolve(body(t)).finally(() => t.end()), late]);
  } finally {
    clearTimeout(timer);
  }
}

let failures = 0;
for (const [file, wanted] of Object.entries(files)) {
  [tests, hooks] = [[], { before: [], after: [] }];
  load(join(resolve(sources), file));
  for (const work of hooks.before) await work();
  for (const { name, body } of tests.filter(({ name }) => wanted.test(name))) {
    try {
      await tried(body);
      say(`ok   ${name}`);
    } catch (error) {
      failures++;
      say(`FAIL ${name}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  for (const work of hooks.after) await work();
}
await shared.close();
process.exit(failures === 0 ? 0 : 1);
