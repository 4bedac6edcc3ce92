// The example programs of the feature pages run as they stand and print what the pages say.
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { programEnd, startProgram } from "../../_support/child_program.ts";

const expected: Record<string, string[]> = {
  decoding_and_sniffing: [
    ...["/gzip", "/deflate", "/br", "/zstd", "/twice"].map((path) => `${path}: 200, text/html, 20000 bytes, decoded`),
    "/bomb: Cannot decode the body: it expands to more than 1000000 bytes",
    "/picture: 200, image/gif, 16 bytes, as it came",
  ],
  proxies: [
    "the environment: through the proxy",
    "no_proxy: directly",
    "one proxy: through the proxy",
    "a function: through the proxy",
    "a list whose first is down: through the proxy",
  ],
  retry_and_limits: [
    "retry 1 after 503, in N ms",
    "retry 2 after 503, in N ms",
    "busy: done",
    "never: TimeoutError, total limit of 500 ms",
    "six requests, two at once and twenty a second: held back",
  ],
  streams: [
    "tick 1: 1 o'clock",
    "tick 2: 2 o'clock",
    "lost, again in 10 ms",
    "tick 3: 3 o'clock",
    "tick 4: 4 o'clock",
    "lost, again in 10 ms",
    "the square of 1 is 1",
    "the square of 2 is 4",
    "the square of 3 is 9",
  ],
};

async function linesOf(name: string): Promise<string[]> {
  const child = startProgram(new URL(`../../../examples/http/${name}.ts`, import.meta.url), [], {}, "pipe");
  let [output, errors] = ["", ""];
  child.stdout!.on("data", (chunk) => output += chunk);
  child.stderr!.on("data", (chunk) => errors += chunk);
  await programEnd(child);
  assertEquals(child.exitCode, 0, `${name}:\n${output}${errors}`);
  return output.trimEnd().split("\n");
}

describe("the example programs of features", () => {
  for (const [name, lines] of Object.entries(expected)) {
    it(`examples/http/${name}.ts`, async () => {
      const printed = (await linesOf(name)).map((line) =>
        line.replace(/, in \d+ ms$/, ", in N ms").replace(/decode the \w+ body/, "decode the body")
      );
      assertEquals(printed, lines);
    });
  }

  it("examples/http/logging.ts", async () => {
    const lines = await linesOf("logging");
    const secrets = /12345|31337|4711|wonderland|eyJ/;
    assertEquals(lines.filter((line) => secrets.test(line)), []);
    const shown = [
      "> POST /sign-in?api_key=**** HTTP/1.1",
      "> Authorization: Basic [alice:****]",
      "> user=alice&password=****",
      "< Set-Cookie: sid=****; HttpOnly",
      "> GET /account?code=**** HTTP/1.1",
      '< "access_token":"****"}',
    ];
    assertEquals(shown.filter((line) => !lines.includes(line)), []);
  });
});
