// deno-lint-ignore-file no-console
import { describe, it } from "node:test";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { assertEquals, assertGreater } from "@std/assert";
import { HttpCache } from "../../../../http/features/cache/http_cache.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { MockTransport } from "../../../../http/features/mock_transport.ts";
import { locateSuite } from "../../../_support/published_suite.ts";

/** The suite behind cache-tests.fyi, as npm has it. */
const suite = locateSuite({
  name: "http-cache-tests",
  version: "0.4.5",
  sha512: "DjuwN9nUZXLTW+wav1LRESCZNVxl8SshwOy4z1pxuWbWt5/ay6sM9QQ1lebBaDO6P1IMBoK6mdf+PuVP/QNL8A==",
});

/** Where the cache differs from what the suite calls required, and why. */
const differs: Readonly<Record<string, string>> = {
  "304-etag-update-response-ETag":
    "a 304 with another strong ETag is about another response (RFC 9111 §4.3.4): asked again",
  "304-etag-update-response-Set-Cookie": "Set-Cookie is not stored: a jar would take it a second time",
  "headers-store-Set-Cookie": "Set-Cookie is not stored: a jar would take it a second time",
  "age-parse-dup-0": "of several Age values the first counts (RFC 9111 §5.1, newer than the suite)",
  "age-parse-dup-0-twoline": "of several Age values the first counts",
  "age-parse-dup-old": "of several Age values the first counts",
  "age-parse-prefix-twoline": "of several Age values the first counts",
  "age-parse-float": "an invalid Age is ignored (RFC 9111 §5.1)",
  "age-parse-negative": "an invalid Age is ignored",
  "age-parse-nonnumeric": "an invalid Age is ignored",
  "age-parse-numeric-parameter": "an invalid Age is ignored",
  "age-parse-parameter": "an invalid Age is ignored",
  "partial-use-headers": "ranges are not combined",
  "stale-close-must-revalidate": "the failure is reported as one, not as 502 or 504",
  "stale-close-no-cache": "the failure is reported as one",
  "stale-close-proxy-revalidate": "the failure is reported as one",
  "stale-close-s-maxage=2": "the failure is reported as one",
};

interface SuiteCase {
  id: string;
  kind?: "required" | "optimal" | "check";
}

/** What the suite's own server writes to, so that its answers need no socket. */
class ServerResponse {
  statusCode = 200;
  statusPhrase = "";
  body = "";
  isDestroyed = false;
  readonly headers = new Map<string, string | string[]>();
  readonly socket = { destroy: () => this.isDestroyed = true };
  setHeader(name: string, value: unknown): void {
    this.headers.set(name.toLowerCase(), Array.isArray(value) ? value.map(String) : String(value));
  }
  getHeader(name: string): string | string[] | undefined {
    return this.headers.get(name.toLowerCase());
  }
  hasHeader(name: string): boolean {
    return this.headers.has(name.toLowerCase());
  }
  getHeaders(): Record<string, string | string[]> {
    return Object.fromEntries(this.headers);
  }
  end(body = ""): void {
    this.body = body;
  }
  toResponse(): Response {
    if (this.isDestroyed) throw new Error("the server has closed the connection");
    if (this.statusCode === 999) throw new Error("the server expected a conditional request");
    const headers = new Headers();
    for (const [name, value] of this.headers) for (const one of [value].flat()) headers.append(name, one);
    if (!headers.has("date")) headers.set("date", new Date(Date.now()).toUTCString());
    // As node:http does; an unread response of known length holds no connection.
    if (!headers.has("content-length")) headers.set("content-length", String(this.body.length));
    const isEmpty = [204, 205, 304].includes(this.statusCode);
    return new Response(isEmpty ? null : this.body, {
      status: this.statusCode,
      statusText: this.statusPhrase,
      headers,
    });
  }
}

/** Runs the suite with a clock that jumps over its pauses; the results by test. */
async function runSuite(
  path: string,
): Promise<{ cases: SuiteCase[]; results: Record<string, true | [string, string]> }> {
  const load = (file: string) => import(pathToFileURL(join(path, file)).href);
  const [{ default: handleTest }, { configs, stash }, { runTests, getResults }, { default: suites }] = await Promise
    .all(
      ["server/handle-test.mjs", "server/utils.mjs", "client/runner.mjs", "tests/index.mjs"].map(load),
    );
  const [now, timeout, log] = [Date.now, globalThis.setTimeout, console.log];
  const begin = now();
  let skipped = 0;
  Date.now = () => begin + skipped;
  console.log = () => {};
  const jump = (run: () => void, milliseconds?: number): unknown => {
    if (milliseconds !== 3000) return timeout(run, milliseconds);
    skipped += 3000;
    queueMicrotask(run);
  };
  globalThis.setTimeout = jump as typeof setTimeout;
  // Nothing else keeps the process waiting: there is no socket.
  const waiting = setInterval(() => {}, 1000);
  try {
    const server = new MockTransport((request) => {
      const response = new ServerResponse();
      const asked = { url: request.url, method: request.method, headers: Object.fromEntries(request.headers) };
      handleTest(new URL(request.url).pathname.split("/").slice(2), asked, response);
      return response.toResponse();
    });
    await using session = new HttpSession({ features: [server, new HttpCache()], defaultFeatures: false });
    const fetch = (url: string, init: RequestInit): Promise<Response> => {
      const [kind, uuid] = new URL(url).pathname.slice(1).split("/");
      if (kind === "test") return session.fetch(url, init);
      if (kind === "state") return Promise.resolve(Response.json(stash.get(uuid)));
      configs.set(uuid, JSON.parse(String(init.body)));
      return Promise.resolve(new Response(null, { status: 201 }));
    };
    await runTests(suites, fetch, true, "http://cache.test", 1);
    return { cases: suites.flatMap(({ tests }: { tests: SuiteCase[] }) => tests), results: getResults() };
  } finally {
    clearInterval(waiting);
    Date.now = now;
    globalThis.setTimeout = timeout;
    console.log = log;
  }
}

describe("public suite of HTTP caches", () => {
  it("agrees on what is required, but for what is listed here with its reason", { skip: suite.skip }, async () => {
    const { cases, results } = await runSuite(suite.path!);
    const failed = (kind: string) =>
      cases.filter((one) => (one.kind ?? "required") === kind && Array.isArray(results[one.id]));
    assertGreater(Object.keys(results).length, 280);
    const unexpected = failed("required").filter(({ id }) => !(id in differs));
    assertEquals(unexpected.map(({ id }) => [id, ...results[id] as [string, string]]), []);
    const agreed = Object.keys(differs).filter((id) => results[id] === true);
    assertEquals(agreed, []);
    assertGreater(cases.filter(({ id, kind }) => kind === "optimal" && results[id] === true).length, 50);
  });
});
