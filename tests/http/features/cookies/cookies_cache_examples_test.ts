import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { programEnd, startProgram } from "../../../_support/child_program.ts";
import { noRedis } from "../../../_support/redis_server.ts";

async function run(name: string): Promise<string> {
  const child = startProgram(new URL(`../../../../examples/http/${name}`, import.meta.url), []);
  let output = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text);
  await programEnd(child);
  assertEquals(child.exitCode, 0, output);
  return output;
}

describe("examples", () => {
  it("cookies.ts keeps a login between sessions", async () => {
    const output = await run("cookies.ts");
    assertStringIncludes(output, "/ → you sent: login=ada; seen=1\nsecond session\n/ → you sent: login=ada\n");
    assertStringIncludes(output, "the file holds 1 cookie");
  });

  it("cache.ts asks the server no more than it must", async () => {
    const output = await run("cache.ts");
    assertStringIncludes(output, "/fresh 200 8 characters, server asked 0 times, age ");
    assertStringIncludes(output, "/large 200 1048576 characters, server asked 1 times");
    assertStringIncludes(output, "/unknown 504");
    assertEquals(output.match(/^\/shared 200 8 characters, server asked 1 times/gm)?.length, 3);
    assertStringIncludes(output, "3 responses stored, more than a MiB");
  });

  it("shared_cache.ts has four workers and one cache", async () => {
    assertEquals(
      await run("shared_cache.ts"),
      "200 answers, all of them right\nthe server was asked at most once by each worker for each page\n",
    );
  });

  it("shared_redis.ts has four workers that share a cache, a jar and a limit", { skip: noRedis }, async () => {
    assertEquals(
      await run("shared_redis.ts"),
      "40 answers, all of them right\nlogged in 1 time, 0 requests without the cookie\n" +
        "each page fetched at most once by each worker\n8 of 16 reports sent\n",
    );
  });
});
