// One traced message, told by the exporter that Deno has built in.
import { trace } from "@opentelemetry/api";
import { HttpSession, MockTransport } from "../../http/mod.ts";
import { OpenTelemetry } from "../../opentelemetry/mod.ts";

await using session = new HttpSession({ features: [new MockTransport(() => new Response()), new OpenTelemetry()] });
await trace.getTracer("program").startActiveSpan("parent", async (span) => {
  await (await session.fetch("https://example.org/?sig=planted")).text();
  span.end();
});
