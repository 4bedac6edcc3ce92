// A bundled or compiled program that sends synchronously runs once: http/sync/sync_send.ts and http/sync/sync_program.ts.
import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = new URL("../../../", import.meta.url);
const program = decodeURIComponent(new URL("tests/_support/bundled_program.ts", root).pathname);

function onPath(name: string): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

const bun = process.versions["bun"] === undefined ? onPath("bun") : process.execPath;
const skip = bun === null ? "Bun, which bundles the program, is not installed" : false;
/** Runs a bundle on the runtime of this test. */
const here = [process.execPath, ...process.versions["deno"] === undefined ? [] : ["run", "-A"]];

describe("a bundled program that sends synchronously", () => {
  let folder = "";
  let url = "";
  const server = createServer((_request, response) => void response.end("hello"));
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "gp11-bundle-"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  const bundle = async (name: string, ...options: string[]) => {
    const file = join(folder, name);
    await run(bun!, ["build", program, ...options, "--outfile", file]);
    return file;
  };
  const outcome = async (command: readonly string[]) => {
    const [file = "", ...args] = command;
    const { stdout } = await run(file, [...args, url], { cwd: folder });
    return stdout.trim().split("\n");
  };

  for (const [format, ending] of [["esm", "mjs"], ["cjs", "cjs"]]) {
    it(`runs once and gets its answer: ${format}`, { skip }, async () => {
      const file = await bundle(
        `program.${ending}`,
        "--target=node",
        `--format=${format}`,
        "--minify",
        "--external=@gp11/ws",
      );
      assertEquals(await outcome([...here, file]), ["started", "200 hello null"]);
    });
  }

  it("runs once and gets its answer: compiled", { skip }, async () => {
    const file = await bundle("program", "--compile");
    assertEquals(await outcome([file]), ["started", "200 hello null"]);
  });
});
