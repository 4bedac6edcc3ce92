import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { parseJUnit, type TestCase } from "../../tools/runner/junit.ts";
import { problemsOf } from "../../tools/runner/suite_output.ts";

/** What a report says, as one line per test. */
function summary(xml: string, files: readonly string[] = []): string[] {
  return parseJUnit(xml, files).map((test: TestCase) =>
    `${test.outcome} ${test.name} [${test.file}] ${test.detail}`.trim()
  );
}

describe("parseJUnit", () => {
  it("reads Deno's report, where describe blocks stand beside their steps", () => {
    const report = `<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="deno test" tests="5" failures="2" errors="0" time="0.178">
        <testsuite name="./tests/a_test.ts" tests="3" disabled="1" errors="0" failures="1">
          <testcase name="outer &lt;x&gt;" classname="./tests/a_test.ts" time="0.008" line="3" col="1">
            <failure message="1 test step failed">1 test step failed.</failure>
          </testcase>
          <testcase name="alone" classname="./tests/a_test.ts" time="0.001" line="9" col="1"></testcase>
          <testcase name="absent" classname="./tests/_std/node_test.ts" time="0" line="9" col="1"><skipped/></testcase>
        </testsuite>
        <testsuite name="ext:deno_node/testing.ts" tests="2" disabled="0" errors="0" failures="1">
          <testcase name="outer &lt;x&gt; &gt; passes" classname="ext:deno_node/testing.ts" time="0.001"></testcase>
          <testcase name="outer &lt;x&gt; &gt; fails &amp; burns" classname="ext:deno_node/testing.ts" time="0.001">
            <failure message="Uncaught">1 !== 2</failure>
          </testcase>
        </testsuite>
      </testsuites>`;
    assertEquals(summary(report), [
      "passed alone [./tests/a_test.ts]",
      "skipped absent [null]",
      "passed outer <x> > passes [null]",
      "failed outer <x> > fails & burns [null] 1 !== 2",
    ]);
  });

  it("keeps a block of Deno's that failed on its own account", () => {
    const report = `<testsuites name="deno test"><testsuite name="./tests/a_test.ts">
        <testcase name="outer" classname="./tests/a_test.ts"><failure message="x">the after hook threw</failure></testcase>
        <testcase name="outer &gt; passes" classname="./tests/a_test.ts"></testcase>
      </testsuite></testsuites>`;
    assertEquals(summary(report), [
      "passed outer > passes [./tests/a_test.ts]",
      "failed outer [./tests/a_test.ts] the after hook threw",
    ]);
  });

  it("reads Bun's report, where blocks are nested below the file", () => {
    const report = `<testsuites name="bun test" tests="2">
      <testsuite name="tests/a_test.ts" file="tests/a_test.ts">
        <testsuite name="outer" file="tests/a_test.ts" line="3">
          <testcase name="fails" classname="outer" time="0.004" file="tests/a_test.ts" line="6">
            <failure type="AssertionError" message="1 !== 2&#10;">AssertionError: 1 !== 2&#10;      at a_test.ts:6</failure>
          </testcase>
          <testcase name="absent" classname="outer" time="0" file="tests/a_test.ts"><skipped /></testcase>
        </testsuite>
        <testcase name="alone" classname="" time="0.0008" file="tests/a_test.ts" line="12" />
      </testsuite>
    </testsuites>`;
    assertEquals(summary(report), [
      "failed outer > fails [tests/a_test.ts] AssertionError: 1 !== 2\n      at a_test.ts:6",
      "skipped outer > absent [tests/a_test.ts]",
      "passed alone [tests/a_test.ts]",
    ]);
  });

  it("reads Node's report, which alone has the reasons of skips", () => {
    const report = `<testsuites>
      <testsuite name="outer &lt;x>" time="0.006" tests="2">
        <testcase name="passes" time="0.001" classname="outer" file="/p/tests/a_test.ts"/>
        <testcase name="absent" time="0.000" classname="outer" file="/p/tests/a_test.ts">
          <skipped type="skipped" message="no token"/>
        </testcase>
      </testsuite>
      <!-- tests 2 -->
    </testsuites>`;
    assertEquals(summary(report), [
      "passed outer <x> > passes [/p/tests/a_test.ts]",
      "skipped outer <x> > absent [/p/tests/a_test.ts] no token",
    ]);
  });

  it("tells apart the files that share a process, which are blocks there", () => {
    const files = ["tests/a_test.ts", "tests/b_test.ts"];
    const deno = `<testsuites name="deno test"><testsuite name="../tmp/suite.mjs">
        <testcase name="tests/a_test.ts" classname="./tests/_std/node_test.ts"></testcase>
        <testcase name="tests/a_test.ts &gt; outer" classname="x"></testcase>
        <testcase name="tests/a_test.ts &gt; outer &gt; passes" classname="x"></testcase>
        <testcase name="tests/b_test.ts" classname="x"><failure message="x">a hook threw</failure></testcase>
        <testcase name="tests/c_test.ts" classname="x"></testcase>
      </testsuite></testsuites>`;
    assertEquals(summary(deno, [...files, "tests/c_test.ts"]), [
      "passed outer > passes [tests/a_test.ts]",
      "failed the whole file [tests/b_test.ts] a hook threw",
    ]);
    const node = `<testsuites><testsuite name="tests/a_test.ts"><testsuite name="outer">
        <testcase name="passes" file="/p/tests/_std/node_test.ts"/>
      </testsuite></testsuite><testsuite name="tests/b_test.ts">
        <testcase name="alone" file="/p/tests/_std/node_test.ts"/>
      </testsuite></testsuites>`;
    assertEquals(summary(node, files), [
      "passed outer > passes [tests/a_test.ts]",
      "passed alone [tests/b_test.ts]",
    ]);
  });
});

it("a process of one file needs no report of Node 22's to name it, and one of several does", () => {
  const tests = parseJUnit('<testsuites><testcase name="passes" time="0.1" classname="test"/></testsuites>');
  const result = { code: 0, signal: null, timedOut: false, ms: 1, output: "" };
  const problems = (...files: string[]) => problemsOf({ runtime: "node", area: "22", files }, tests, result);
  assertEquals(problems("one_test.ts"), []);
  assertEquals(problems("one_test.ts", "two_test.ts"), ["one_test.ts holds no test", "two_test.ts holds no test"]);
});
