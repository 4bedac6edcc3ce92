// About tests/_support/server_programs.ts: no test waits for ever for a program, or takes its file for its readiness.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { freePort, spawnServer, stopServer, untilListening, untilReady } from "../_support/server_programs.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

describe(
  "a server that is a program of its own",
  { skip: process.platform === "win32" && "there is no /bin/sh" },
  () => {
    it("is told to have ended when it has, with what it ended", async () => {
      const child = spawnServer("/bin/sh", ["-c", "exit 5"]);
      const port = await freePort();
      await assertRejects(() => untilListening(port, child), Error, "its program has ended with 5");
      await stopServer(child);
    });

    it("ends when it is stopped, and its shell with it", async () => {
      const child = spawnServer("sleep", ["1000"]);
      await stopServer(child);
      assert(child.exitCode !== null || child.signalCode !== null);
    });

    it("is not ready yet where its socket's file is there and nobody listens", async () => {
      const path = `${temporaryFolder("listening")}/socket`;
      writeFileSync(path, "");
      const child = spawnServer("/bin/sh", ["-c", "sleep 0.1; exit 3"]);
      await assertRejects(() => untilListening(path, child), Error, "its program has ended with 3");
    });

    it("is not waited for where another fault shows", async () => {
      const child = spawnServer("sleep", ["1000"]);
      const fault = () => {
        throw new Error("there is no such program");
      };
      await assertRejects(() => untilReady("it", child, fault), Error, "there is no such program");
      await stopServer(child);
    });
  },
);

describe("free ports", () => {
  it("are never given twice, and in a row where that is asked for", async () => {
    const ports = [await freePort(), ...await Promise.all([freePort(), freePort(2), freePort()]), await freePort()];
    const all = [...ports, ports[2]! + 1];
    assertEquals(new Set(all).size, all.length);
  });
});
