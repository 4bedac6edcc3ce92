// What messages are sent with is loaded for the first one of a program. Whatever happens meanwhile happens as ever.
import { assertEquals, assertMatch } from "@std/assert";
import { cpSync, rmSync, symlinkSync } from "node:fs";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { firstLine, programEnd, startProgram } from "../../_support/child_program.ts";
import { routeServer } from "../../_support/http_server.ts";
import { projectRoot } from "../../_support/source_text.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

/** What a program has seen whose first messages these were, and what its server was asked for. */
async function first(what: string, program = new URL("../../_support/first_message_program.ts", import.meta.url)) {
  await using server = await routeServer();
  const child = startProgram(program, [what, server.origin]);
  const seen = JSON.parse(await firstLine(child)) as unknown[];
  await programEnd(child);
  assertEquals(child.exitCode, 0);
  return { seen, asked: server.requests.map(({ target }) => target.replace("/ok?", "")) };
}

describe("the first messages of a program", () => {
  it("are queued at once, and sent in their order, those of higher priority first", async () => {
    const { asked, seen } = await first("order");
    assertEquals(seen.slice(0, 3), ["/ok?1 queued", "/ok?2 queued", "both"]);
    assertEquals(asked, ["4", "1", "2", "3", "5"]);
  });

  it("that are cancelled in the same turn end there, and nothing of them is sent", async () => {
    const { asked, seen } = await first("cancelled");
    assertEquals(asked, ["next"]);
    assertEquals(seen, [
      "/ok?cancelled finished 1",
      "cancelled",
      "/ok?next finished 200",
      "Error: not wanted",
    ]);
  });

  it("end with session.abort(), and what their listeners queue is sent", async () => {
    const { asked, seen } = await first("aborted");
    assertEquals(asked, ["survivor", "next"]);
    assertEquals(seen, [
      "/ok?first finished 1",
      "/ok?second finished 1",
      "0 connections",
      "/ok?survivor finished 200",
    ]);
  });

  it("end with the session, and the next session sends", async () => {
    const { asked, seen } = await first("closed");
    assertEquals(asked, ["other"]);
    assertEquals(seen.length, 2);
    for (const error of seen) assertMatch(String(error), /the session (was|is) closed/);
  });

  it("are requeued and paused before they begin", async () => {
    const { asked, seen } = await first("requeued");
    assertEquals(asked, ["other", "requeued"]);
    assertEquals(seen, [
      "/ok?requeued restarted 0",
      "/ok?other finished 200",
      true,
      "/ok?requeued finished 200",
      1,
    ]);
  });

  it("are sent with what the session is set to meanwhile", async () => {
    const { asked, seen } = await first("properties");
    assertEquals(asked, ["2"]);
    assertEquals(seen.length, 1, "setting the proxy aborts what is going on");
  });

  it("begin in the session's context, which is asked once", async () => {
    const { asked, seen } = await first("context");
    assertEquals([asked, seen], [["context"], [0, "/ok?context finished 200", 1]]);
  });

  it("have their own asynchronous contexts, also where they came while the first was waiting", async () => {
    const { seen } = await first("contexts");
    assertEquals(seen, ["one in one", "two in two", "three in three"]);
  });

  it("that a hook ends leave the connections to those behind them", async () => {
    const { asked, seen } = await first("hooks");
    assertEquals(asked, ["1", "2"]);
    assertEquals(seen, ["/ok?ended finished 1", "/ok?1 finished 200", "/ok?2 finished 200"]);
  });

  it("go by each transport, and those of a transport without a session", async () => {
    const byBoth = await first("transports");
    // On two connections at once, of which the runtime's fetch makes either first.
    const [byFetch, bySockets] = [byBoth.asked.slice(0, 2), byBoth.asked.slice(2)];
    assertEquals([byFetch.sort(), bySockets.sort(), byBoth.seen], [["1", "2"], ["1", "2"], []]);
    const { asked, seen } = await first("slots");
    assertEquals([asked, seen], [["1"], ["0123456789", "given up"]]);
  });

  it("fail with what cannot be loaded, each of them", async () => {
    const folder = temporaryFolder("gone");
    for (const part of ["http", "internal", "tests/_std", "tests/_support"]) {
      cpSync(new URL(part, projectRoot), `${folder}/${part}`, { recursive: true });
    }
    symlinkSync(new URL("node_modules", projectRoot), `${folder}/node_modules`);
    rmSync(`${folder}/http/attempt/request_body.ts`);
    const { asked, seen } = await first("gone", pathToFileURL(`${folder}/tests/_support/first_message_program.ts`));
    assertEquals([asked, seen.slice(0, 2)], [[], ["/ok?2 finished 7", "/ok?3 finished 7"]]);
    assertMatch(
      String(seen[2]),
      /^TypeError: .*: Cannot send the message: what sends it cannot be loaded: .*request_body\.ts/,
    );
  });
});
