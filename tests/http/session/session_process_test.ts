// A session and the process it lives in: what keeps it alive, and what it must be allowed to do.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HttpStatus } from "../../../http/mod.ts";
import { firstLine, programEnd, startProgram } from "../../_support/child_program.ts";
import { routeServer } from "../../_support/http_server.ts";

describe("a program with an open session", () => {
  it("ends by itself while responses are unread, large or without an end", async () => {
    await using server = await routeServer({
      "/endless": (_request, socket) =>
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"),
    });
    const child = startProgram(new URL("../../_support/http_exit_program.ts", import.meta.url), [server.origin]);
    // Far more than a busy machine takes: a program that does not end is killed, and its exit code tells.
    const deadline = setTimeout(() => child.kill("SIGKILL"), 240_000);
    const line = await firstLine(child);
    await programEnd(child);
    clearTimeout(deadline);
    assertEquals([line, child.exitCode], ["done", 0]);
  });
});

const isDeno = process.versions.deno !== undefined;

describe("a program with Deno's permissions", { skip: isDeno ? false : "only Deno has permissions" }, () => {
  const argumentsOf = (permissions: string[], url: string) => {
    const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
    const options = ["run", "--no-check", "--quiet", `--import-map=${path("../../offline.import_map.json")}`];
    return [...options, ...permissions, path("../../_support/http_permission_program.ts"), url];
  };
  const run = async (url: string, permissions: string[], ...more: string[]) => {
    const args = [...argumentsOf(["--no-prompt", ...permissions], url), ...more];
    // Through a shell and a variable: Deno gives children it knows for Deno every permission.
    const { stdout } = await promisify(execFile)("/bin/sh", ["-c", 'exec "$RUNTIME" "$@"', "sh", ...args], {
      env: { ...process.env, RUNTIME: process.execPath },
    });
    return JSON.parse(stdout) as { fetched: string; status: number; reason: string; waited: unknown };
  };

  it("needs the network for its host and nothing else", async () => {
    await using server = await routeServer();
    for (const host of [`localhost:${server.port}`, `127.0.0.1:${server.port}`]) {
      const { fetched, status } = await run(`http://${host}/ok`, [`--allow-net=${host}`]);
      assertEquals([fetched, status], ["0123456789", 200], host);
    }
  });

  const noTerminal = existsSync("/usr/bin/script") ? false : "script (util-linux) is missing";
  it("asks nobody on a terminal for another one, over TLS either", { skip: noTerminal }, async () => {
    const url = "https://127.0.0.1:1/";
    const { stdout } = await promisify(execFile)("/usr/bin/script", [
      ...["-qec", `/bin/sh -c 'exec "$RUNTIME" "$@"' sh ${argumentsOf(["--allow-net=127.0.0.1"], url).join(" ")}`],
      "/dev/null",
    ], { env: { ...process.env, RUNTIME: process.execPath }, timeout: 240_000 });
    assert(!/Deno requests/.test(stdout), stdout);
    assertEquals(/"status":(\d+)/.exec(stdout)?.[1], "4");
  });

  it("needs the library's own folder to send synchronously, which the error names", async () => {
    await using server = await routeServer();
    const permissions = [`--allow-net=localhost:${server.port}`];
    const url = `http://localhost:${server.port}/ok`;
    const { waited } = await run(url, permissions, "waits");
    const folder = /which wants (--allow-read=.+?) \(/.exec(String(waited))?.[1];
    const root = fileURLToPath(new URL("../../../", import.meta.url)).replace(/.$/, "");
    assertEquals(folder, `--allow-read=${root}`, String(waited));
    assertEquals((await run(url, [...permissions, `--allow-read=${root}`], "waits")).waited, 200);
  });

  it("learns which permission is missing", async () => {
    await using server = await routeServer();
    for (const host of [`localhost:${server.port}`, `127.0.0.1:${server.port}`]) {
      const { fetched, status } = await run(`http://${host}/ok`, []);
      assertStringIncludes(fetched, "--allow-net");
      assertStringIncludes(fetched, host);
      assertEquals(status, HttpStatus.CANT_CONNECT, host);
    }
    assertEquals(server.connections, 0);
  });
});
