// Compares with the standard library; tools/std_oracle/run.ts says where it is. Prints what differs, and a count.
import { inspect } from "node:util";
import { CookieJar, formatHttpDate, reasonPhrase } from "../../http/mod.ts";
import * as ours from "../../tests/_std/assert.ts";
import { SeededRandom } from "../../tests/_support/random.ts";
import { say } from "../say.ts";
import { assertionCases } from "./assertion_cases.ts";

/** A cookie as @std/http has it. */
interface StdCookie {
  name: string;
  value: string;
  domain?: string;
  path?: string;
  maxAge?: number;
  expires?: Date | number;
  secure?: boolean;
  httpOnly?: boolean;
  sameSite?: "Strict" | "Lax" | "None";
}

/** What is compared of @std/http. */
interface StdHttp {
  readonly STATUS_TEXT: Readonly<Record<number, string>>;
  setCookie(headers: Headers, cookie: StdCookie): void;
  getCookies(headers: Headers): Record<string, string>;
}

/** Phrases that are libsoup's, or the registry's, where the standard library writes others. */
const otherPhrases: Readonly<Record<number, string>> = {
  203: "Non-Authoritative Information",
  207: "Multi-Status",
  407: "Proxy Authentication Required",
  413: "Request Entity Too Large",
  414: "Request-URI Too Long",
  416: "Requested Range Not Satisfiable",
  418: "Unknown Error",
  506: "Unknown Error",
};

let compared = 0;
const differences: string[] = [];

function same(what: string, own: unknown, theirs: unknown): void {
  compared++;
  const [left, right] = [own, theirs].map((value) => JSON.stringify(value));
  if (left !== right) differences.push(`${what}: ours ${left}, theirs ${right}`);
}

function compareStatusTexts({ STATUS_TEXT }: StdHttp): void {
  for (const [status, text] of Object.entries(STATUS_TEXT)) {
    same(`the text of ${status}`, reasonPhrase(Number(status)), otherPhrases[Number(status)] ?? text);
  }
}

/** What a server writes with the standard library is in the jar as it was meant, and what the jar sends is read there. */
function compareCookies(http: StdHttp): void {
  const random = new SeededRandom(20261129);
  const now = Date.now();
  for (let round = 0; round < 2000; round++) {
    const cookie = randomCookie(random, now);
    const headers = new Headers();
    http.setCookie(headers, { ...cookie });
    const [field = ""] = headers.getSetCookie();
    const jar = new CookieJar();
    const kept = jar.setCookie(field, "https://a.example.com/x/y");
    if (kept === null) {
      same(`"${field}" in the jar`, null, cookie.maxAge === 0 ? null : cookie.name);
      continue;
    }
    same(`the name and value of "${field}"`, [kept.name, kept.value], [cookie.name, cookie.value]);
    same(`the place of "${field}"`, [kept.domain, kept.hostOnly, kept.path], [
      cookie.domain ?? "a.example.com",
      cookie.domain === undefined,
      cookie.path ?? "/x",
    ]);
    const sameSite = cookie.sameSite?.toLowerCase() ?? "lax";
    same(`the flags of "${field}"`, [kept.secure, kept.httpOnly, kept.sameSite], [
      cookie.secure ?? false,
      cookie.httpOnly ?? false,
      sameSite,
    ]);
    if (cookie.maxAge === undefined) {
      const ends = cookie.expires === undefined ? null : formatHttpDate(new Date(cookie.expires));
      same(`the end of "${field}"`, kept.expires && formatHttpDate(kept.expires), ends);
    }
    const sent = jar.getCookieHeader(`https://a.example.com${kept.path}`);
    same(`"${sent}" as it is read`, { ...http.getCookies(new Headers({ cookie: sent })) }, {
      [cookie.name]: cookie.value,
    });
  }
}

function randomCookie(random: SeededRandom, now: number): StdCookie {
  const maybe = <T>(value: T): T | undefined => random.next() < 0.5 ? value : undefined;
  const text = (characters: string, least: number) =>
    Array.from({ length: random.integer(least, 12) }, () => random.pick([...characters])).join("");
  const sameSite = maybe(random.pick(["Strict", "Lax", "None"] as const));
  const cookie = {
    name: text("abcXYZ019!#$%&'*+-.^_`|~", 1),
    value: text("abcXYZ019!#$%&'()*+-./:<=>?@[]^_`{|}~", 0),
    domain: maybe(random.pick(["example.com", "a.example.com"])),
    path: maybe(random.pick(["/", "/x", "/x/y"])),
    maxAge: maybe(random.pick([0, 1, 3600])),
    expires: maybe(now + random.integer(60, 300 * 86_400) * 1000),
    // A cookie for all sites must be secure.
    secure: sameSite === "None" ? true : maybe(true),
    httpOnly: maybe(true),
    sameSite,
  };
  return Object.fromEntries(Object.entries(cookie).filter(([, value]) => value !== undefined)) as unknown as StdCookie;
}

type Assertion = (...args: unknown[]) => unknown;

/** How an assertion ends: it holds, it fails, or it throws something else. */
async function outcomeOf(library: Readonly<Record<string, unknown>>, name: string, args: readonly unknown[]) {
  try {
    await (library[name] as Assertion)(...args);
    return "holds";
  } catch (error) {
    return error instanceof (library.AssertionError as ErrorConstructor) ? "fails" : `throws ${error}`;
  }
}

async function compareAssertions(theirs: Readonly<Record<string, unknown>>): Promise<void> {
  for (const name of Object.keys(ours)) same(`whether there is ${name}`, true, name in theirs);
  for (const [name, args] of assertionCases()) {
    const shown = args.map((value) => value instanceof Error ? String(value) : inspect(value, { depth: 1 }));
    same(`${name}(${shown.join(", ")})`, await outcomeOf(ours, name, args), await outcomeOf(theirs, name, args));
  }
}

// Names that only this program's import map knows.
const [http, assert]: readonly string[] = ["@std/http", "@real/assert"];
compareStatusTexts(await import(http!));
compareCookies(await import(http!));
await compareAssertions(await import(assert!));
for (const difference of differences.slice(0, 50)) say(difference);
say(`${compared} comparisons, ${differences.length} differences`);
Deno.exitCode = differences.length === 0 ? 0 : 1;
