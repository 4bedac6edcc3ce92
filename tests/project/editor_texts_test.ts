// The texts an editor shows beside a call: of the main classes of PKCS#11, and of the standard's numbers.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { CKM } from "../../ffi/constants/ckm.ts";
import { CKR } from "../../ffi/constants/ckr.ts";
import { ckrMessage } from "../../ffi/constants/ckr_messages.ts";
import * as session from "../../session/mod.ts";
import { readText } from "../_support/source_text.ts";

const pages = ["module", "slot", "session", "object", "parts_async", "parts_sync", "shared_sessions"]
  .map((name) => `session/tokens/${name}.ts`);

/** Those whose methods are calls of a session. */
const ofSessions = ["session/tokens/session.ts", "session/tokens/object.ts"];

interface Method {
  readonly name: string;
  readonly parameters: readonly string[];
  /** What the text says before its tags. */
  readonly description: string;
  /** The tags by what they are about: `param key`, `throws {TypeError}`. */
  readonly tags: ReadonlyMap<string, string>;
}

/** The methods of a page that have a text; what an overload implements has none. */
function methodsOf(page: string): Method[] {
  const source = readText(page);
  const found = source.matchAll(/^ {2}\/\*\*((?:(?!\*\/)[^])*)\*\/\n {2}(?:static |async )*(\w+)(?=[<(])/gm);
  return [...found].map(({ 0: all, 1: comment, 2: name, index }) => {
    const text = comment!.replaceAll(/^ *\*/gm, "").replaceAll(/\s+/g, " ").trim();
    const [description, ...tags] = text.split(/ @(?=param|returns|throws|example)/);
    const key = /^(?:param \w+|throws \{[^}]*\}|\w+)/;
    return {
      name: name!,
      parameters: parametersOf(source.slice(index + all.length)),
      description: description!,
      tags: new Map(tags.map((tag) => [key.exec(tag)![0], tag.replace(key, "").trim()])),
    };
  });
}

/** The names in the list of parameters that a text begins with, behind those of types. */
function parametersOf(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  const list = text.startsWith("<") ? text.slice(text.indexOf(">(") + 1) : text;
  for (const [part] of list.matchAll(/=>|[([{<]|[)\]}>]|\w+(?=\??:)/g)) {
    if (part === "=>") continue;
    if (/[([{<]/.test(part)) depth++;
    else if (/[)\]}>]/.test(part)) depth--;
    else if (depth === 1) names.push(part);
    if (depth === 0) break;
  }
  return names;
}

/** Each constant of a table and the text at it. */
function textsOf(table: string): Map<string, string> {
  const found = readText(`ffi/constants/${table}.ts`).matchAll(/ {2}\/\*\*((?:(?!\*\/)[^])*)\*\/\n {2}(\w+): 0x/g);
  return new Map([...found].map(([, text, name]) => [name!, text!.replaceAll(/\s*\n \* ?|\s+/g, " ").trim()]));
}

describe("The text of each method", () => {
  const all = pages.flatMap((page) => methodsOf(page).map((method) => ({ page, ...method })));

  it("says something of every parameter", () => {
    const silent = all.flatMap(({ page, name, parameters, tags }) =>
      parameters.filter((each) => !tags.get(`param ${each}`)).map((each) => `${page}: ${name}(${each})`)
    );
    assertEquals(silent, []);
    assertEquals(all.find(({ name }) => name === "sign")?.parameters, ["key", "mechanism", "data", "options"]);
  });

  it("says what an aborted call throws, and what is thrown when the session is closed", () => {
    const silent = all.filter(({ parameters, tags }) =>
      parameters.includes("options") && !tags.has("throws {AbortError}")
    );
    // What these are given is for what they make, which is cancelled by itself.
    assertEquals(silent.map(({ name }) => name).sort(), ["fromHandle", "sessionPool", "use"]);
    const open = all.filter(({ page, tags }) => ofSessions.includes(page) && !tags.has("throws {SessionClosedError}"));
    const always = ["close", "closeSync", "constructor", "equals", "fromHandle", "idle"];
    assertEquals(open.map(({ name }) => name).sort(), always);
  });

  it("is the same for both forms of a verb, and of the one in place says when the session is busy", () => {
    const differing: string[] = [];
    const busy: string[] = [];
    for (const inPlace of all.filter(({ name }) => name.endsWith("Sync"))) {
      const verb = all.find(({ page, name }) => page === inPlace.page && `${name}Sync` === inPlace.name);
      if (verb === undefined) continue;
      const sentence = /^.*?\.(?= [A-Z]|$)/.exec(verb.description)?.[0] ?? `no sentence: ${verb.description}`;
      const missing = [...verb.tags.keys()].filter((tag) => tag !== "example" && !inPlace.tags.has(tag));
      if (!inPlace.description.startsWith(sentence) || missing.length > 0) {
        differing.push(`${inPlace.name}: ${missing}`);
      }
      if (ofSessions.includes(inPlace.page) && !inPlace.tags.has("throws {SessionBusyError}")) {
        busy.push(inPlace.name);
      }
    }
    assertEquals({ differing, busy }, { differing: [], busy: [] });
  });
});

describe("The text of each constant", () => {
  it("of CKR is its message", () => {
    const texts = textsOf("ckr");
    for (const [name, value] of Object.entries(CKR)) {
      const message = ckrMessage(value);
      assertEquals(texts.get(name), `${message[0]!.toUpperCase()}${message.slice(1)}.`, name);
    }
  });

  it("of CKM stands at those that programs use, and names builders that exist", () => {
    const texts = textsOf("ckm");
    const builders = [...texts.values()].flatMap((text) =>
      [...text.matchAll(/\{@linkcode (\w+)\}/g)].map(([, name]) => name!)
    );
    assertEquals(builders.filter((name) => typeof (session as Record<string, unknown>)[name] !== "function"), []);
    assertEquals([...texts.keys()].filter((name) => !(name in CKM)), []);
    assertEquals(texts.size >= 60, true, `${texts.size} have a text`);
  });
});
