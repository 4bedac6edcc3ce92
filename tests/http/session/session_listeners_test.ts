// What throws in a listener, a callback or a feature is reported and never breaks the queue.
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { startProgram } from "../../_support/child_program.ts";
import { routeServer } from "../../_support/http_server.ts";

describe("listeners that throw", () => {
  it("are reported, and every message still comes to its end", async () => {
    await using server = await routeServer();
    const program = new URL("../../_support/throwing_listeners.ts", import.meta.url);
    const child = startProgram(program, [`${server.origin}/ok`]);
    let output = "";
    child.stdout!.on("data", (chunk) => output += chunk);
    await new Promise((resolve) => child.once("close", resolve));
    const statuses = [200, 200, 200, 200];
    assertEquals(JSON.parse(output), { statuses, text: "0123456789", detached: 2, reported: true, isTold: true });
  });
});
