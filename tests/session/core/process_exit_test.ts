import { assertEquals, assertMatch } from "@std/assert";
import process from "node:process";
import { describe, it } from "node:test";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip as skip } from "../../_support/softhsm.ts";
import { strictModuleSkip } from "../../_support/strict_module.ts";

const program = new URL("../../_support/exit_program.ts", import.meta.url);
const stuck = new URL("../../_support/stuck_exit_program.ts", import.meta.url);
/** Processes at a time. */
const atOnce = 4;
/** Processes that end with their threads at rest, as all of them then are. */
const runs = 3;
/** When a process ends whose threads are in calls, in milliseconds after they began: no two alike. */
const moments = process.versions["deno"] || process.versions["bun"] ? [0, 3, 10, 20, 35, 60] : [0, 10, 25, 60];
/** Far more than the processes of one test take where everything else is busy too. */
const timeout = 280_000;

type Place = ReturnType<typeof createSeparateToken>;
const places: Place[] = [];
/** How a process ends, and at which moment. */
type Way = readonly [way: string, ...moment: string[]];

/** What came of one process: `ended`, or how it ended otherwise. */
async function outcome({ token, environment }: Place, [way, ...moment]: Way): Promise<string> {
  const child = startProgram(program, [token.module, token.userPin, way, ...moment], environment, "pipe");
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk: unknown) => output += String(chunk));
  await programEnd(child);
  const code = way.startsWith("an uncaught error") ? 1 : 0;
  if (child.signalCode === null && child.exitCode === code) return "ended";
  return `${[way, ...moment].join()}: ${child.signalCode ?? `exit code ${child.exitCode}`}: ${output}`;
}

async function outcomes(ways: readonly Way[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const waiting = [...ways];
  const lane = async (_: unknown, at: number) => {
    const place = places[at] ??= createSeparateToken();
    for (let way = waiting.pop(); way !== undefined; way = waiting.pop()) {
      const result = await outcome(place, way);
      counts[result] = (counts[result] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return counts;
}

describe("A process that has used worker threads", () => {
  for (const way of ["all left open", "sessions closed", "module closed", "pool closed"]) {
    it(`ends without a crash in ${runs} of ${runs} runs, ${way}`, { skip, timeout }, async () => {
      assertEquals(await outcomes(Array.from({ length: runs }, () => [way])), { ended: runs });
    });
  }

  it("ends without a crash with a long call running, aborted, or cut off by exit()", { skip, timeout }, async () => {
    assertEquals(await outcomes([["call running"], ["call aborted"], ["exit during a call"]]), { ended: 3 });
  });

  for (const end of ["exit", "the runtime's exit", "an uncaught error"]) {
    const way = `${end} during calls of every length`;
    it(`ends without a crash in ${moments.length} of ${moments.length} runs, ${way}`, { skip, timeout }, async () => {
      assertEquals(await outcomes(moments.map((moment) => [way, `${moment}`])), { ended: moments.length });
    });
  }

  const isDeno = process.versions["deno"] !== undefined;
  const isBun = process.versions["bun"] !== undefined;
  const listeners = "first listener\nlast listener\n";
  // An uncaught error ends Deno without telling its listeners; Node tells none when one for such errors has thrown.
  const told = isDeno ? "" : listeners;
  for (
    const [way, code, output] of [
      ["exit", 7, listeners],
      ["exit after an abort", 7, `aborted\n${listeners}`],
      ["exit after the pool was closed", 7, listeners],
      ["exit, and again in a listener", 7, listeners],
      ["exit without listeners", 7, ""],
      ["an uncaught error", 1, told],
      ["something thrown that has no text", 1, told],
      ["a listener for uncaught errors that throws", isDeno ? 1 : 7, isBun ? listeners : ""],
    ] as const
  ) {
    it(`ends though a call never returns, by ${way}`, { skip: strictModuleSkip, timeout }, async () => {
      const child = startProgram(stuck, [way], {}, "pipe");
      const texts = ["", ""];
      [child.stdout!, child.stderr!].forEach((stream, at) => stream.on("data", (piece) => texts[at] += String(piece)));
      await programEnd(child);
      assertEquals([child.signalCode, child.exitCode, texts[0]], [null, code, output]);
      if (way === "something thrown that has no text") assertMatch(texts[1]!, /./);
      else if (!way.startsWith("exit")) assertMatch(texts[1]!, /nobody catches this/);
    });
  }
});
