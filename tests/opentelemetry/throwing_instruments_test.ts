// opentelemetry/instruments.ts: meters and instruments that throw are told of, and what they measure goes on.
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HttpSession, MockTransport } from "../../http/mod.ts";
import { observeCalls, OpenTelemetry } from "../../opentelemetry/mod.ts";
import { Module } from "../../session/mod.ts";
import type { MeterLike } from "../../opentelemetry/instruments.ts";
import { reportedWhile } from "../_support/foreign_signals.ts";
import { StrictModule, strictModuleSkip } from "../_support/strict_module.ts";

const fault = new Error("the exporter is gone");
const failing = (): never => {
  throw fault;
};

/** A meter that throws where it is told to. */
function meterThatFails(at: "create" | "use"): MeterLike {
  const instrument = { record: failing, add: failing, addCallback: failing };
  const create = at === "create" ? failing : () => instrument;
  return { createHistogram: create, createUpDownCounter: create, createObservableUpDownCounter: create };
}

describe("A meter that throws", () => {
  for (const at of ["create", "use"] as const) {
    it(`when it is to ${at} instruments ends no message`, async () => {
      const reported = await reportedWhile(async () => {
        const features = [new MockTransport(() => new Response("x")), new OpenTelemetry({ meter: meterThatFails(at) })];
        await using session = new HttpSession({ features });
        assertEquals(await (await session.fetch("https://example.com/")).text(), "x");
      });
      assert(reported.length > 0 && reported.every((error) => error === fault), reported.join());
    });

    it(`when it is to ${at} instruments ends no call`, { skip: strictModuleSkip }, async () => {
      const strict = new StrictModule();
      const module = await Module.load(strict.path, { managed: "gp11" });
      const reported = await reportedWhile(async () => {
        using _observed = observeCalls(module, { meter: meterThatFails(at) });
        assertEquals((await module.slots()).length, module.slotsSync().length);
      });
      assert(reported.length > 0 && reported.every((error) => error === fault), reported.join());
      await module.close();
    });
  }
});
