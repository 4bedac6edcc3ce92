// Reads the JUnit reports of `deno test`, `bun test` and `node --test`, which agree on little more than the element names.

/** What became of one test. */
export interface TestCase {
  /** Its describe blocks and its own name, joined with " > ". */
  readonly name: string;
  /** The file, where the report tells it. */
  readonly file: string | null;
  /** How it ended. */
  readonly outcome: "passed" | "failed" | "skipped";
  /** The failure's text, or the reason of a skip where the report tells it. */
  readonly detail: string;
  /** Milliseconds it took. */
  readonly ms: number;
}

interface Element {
  readonly tag: string;
  readonly attributes: Record<string, string>;
  readonly children: Element[];
  text: string;
}

/**
 * The tests of a report: leaves only, a describe block is none.
 *
 * @param files Test files that are blocks themselves, as those are that share a process.
 */
export function parseJUnit(xml: string, files: readonly string[] = []): TestCase[] {
  const root = parseXml(xml);
  const cases: TestCase[] = [];
  walk(root, [], files, cases);
  const tests = root.children[0]?.attributes.name === "deno test" ? withoutContainers(cases) : cases;
  return tests.flatMap((test) => inItsFile(test, files));
}

/** A test of a file that is a block: its name without the file's. A block without a test is none. */
function inItsFile(test: TestCase, files: readonly string[]): TestCase[] {
  const file = files.find((path) => test.name === path || test.name.startsWith(`${path} > `));
  if (file === undefined) return [test];
  const name = test.name.slice(`${file} > `.length);
  if (name !== "") return [{ ...test, file, name }];
  return test.outcome === "failed" ? [{ ...test, file, name: "the whole file" }] : [];
}

function walk(element: Element, path: string[], files: readonly string[], cases: TestCase[]): void {
  for (const child of element.children) {
    if (child.tag === "testcase") cases.push(testCase(child, path));
    else if (child.tag === "testsuite") {
      const name = child.attributes.name ?? "";
      // The outermost suite of Deno and Bun is the file, which is no part of a test's name.
      const isFile = name === child.attributes.file || (/\.[cm]?[jt]sx?(\$|$)/.test(name) && !files.includes(name));
      walk(child, isFile ? path : [...path, name], files, cases);
    } else walk(child, path, files, cases);
  }
}

function testCase(element: Element, path: string[]): TestCase {
  const { name = "", file, classname = "", time = "0" } = element.attributes;
  const failure = element.children.find((child) => child.tag === "failure" || child.tag === "error");
  const skipped = element.children.find((child) => child.tag === "skipped");
  // Deno names the file of a top-level test only, in classname; tests/_std stands between a test and its file.
  const ownFile = file ?? (/^\.?\/(?!tests\/_std\/).*\.[cm]?[jt]s/.test(classname) ? classname : null);
  const detail = failure
    ? (failure.text.trim() || failure.attributes.message || "")
    : skipped?.attributes.message ?? "";
  return {
    name: [...path, name].join(" > "),
    file: ownFile,
    outcome: failure ? "failed" : skipped ? "skipped" : "passed",
    detail,
    ms: Number(time) * 1000,
  };
}

/** Deno reports a describe block as a test beside its steps, whose names begin with the block's. */
function withoutContainers(cases: TestCase[]): TestCase[] {
  const containers = new Set<string>();
  for (const { name } of cases) {
    for (let at = name.lastIndexOf(" > "); at > 0; at = name.lastIndexOf(" > ", at - 1)) {
      containers.add(name.slice(0, at));
    }
  }
  const leaves = cases.filter((test) => !containers.has(test.name));
  // A block can fail on its own account, in a hook or by a leak, when nothing inside it did.
  const failedBlocks = cases.filter((block) =>
    block.outcome === "failed" && containers.has(block.name) && !/^\d+ test steps? failed/.test(block.detail) &&
    !leaves.some((test) => test.outcome === "failed" && test.name.startsWith(`${block.name} > `))
  );
  return [...leaves, ...failedBlocks];
}

function parseXml(xml: string): Element {
  const root: Element = { tag: "", attributes: {}, children: [], text: "" };
  const stack = [root];
  const tokens =
    /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([\w:-]+)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|([^<]+)/g;
  for (const [, cdata, closing, tag, attributes = "", empty, text] of xml.matchAll(tokens)) {
    const top = stack[stack.length - 1]!;
    if (tag === undefined) top.text += cdata ?? unescape(text ?? "");
    else if (closing) {
      if (stack.length > 1) stack.pop();
    } else {
      const element: Element = { tag, attributes: parseAttributes(attributes), children: [], text: "" };
      top.children.push(element);
      if (!empty) stack.push(element);
    }
  }
  return root;
}

function parseAttributes(text: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [, name, double, single] of text.matchAll(/([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    attributes[name!] = unescape(double ?? single ?? "");
  }
  return attributes;
}

function unescape(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return named[name] ?? whole;
  });
}
