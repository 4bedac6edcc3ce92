// About http/transports/node/node_transport.ts and fetch/fetch_connection.ts: what is loaded for the first message.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";

/** Copies of the modules that have loaded nothing yet. */
const loaders: Record<string, () => Promise<() => Promise<unknown> | null>> = {
  "connections over sockets": async () =>
    (await import(`../../../../http/transports/node/node_transport.ts?${"fresh"}`)).loadingConnections,
  "exchanges by fetch": async () =>
    (await import(`../../../../http/transports/fetch/fetch_connection.ts?${"fresh"}`)).loadingExchange,
};

describe("what is loaded for the first message", () => {
  for (const [what, load] of Object.entries(loaders)) {
    it(`is there for others once all that waited for it have gone on: ${what}`, async () => {
      const loading = await load();
      const order: string[] = [];
      loading()!.then(() => order.push("first"));
      loading()!.then(() => order.push("second"));
      // Whoever comes in between, whatever moment it is, waits behind them.
      for (let turns = 0; loading() !== null; turns++) {
        if (turns % 1000 === 999) await new Promise((resolve) => setTimeout(resolve));
        else await null;
      }
      order.push("third");
      assertEquals(order, ["first", "second", "third"]);
    });
  }
});
