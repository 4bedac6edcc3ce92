/**
 * OpenTelemetry for HTTP sessions and PKCS#11 modules: spans and metrics after the semantic conventions, over
 * `@opentelemetry/api` and nothing else. What exports them is the program's: an SDK, or the exporter that Deno has built
 * in.
 *
 * @example Trace messages and what is done with tokens for them
 * ```ts
 * import { HttpSession, MockTransport } from "@gp11/gp11";
 * import { observeCalls, OpenTelemetry } from "@gp11/gp11/opentelemetry";
 *
 * using _calls = observeCalls();
 * await using session = new HttpSession({ features: [new OpenTelemetry({ redact: ["ticket"] })] });
 * session.addFeature(new MockTransport(() => new Response("hello")));
 * await (await session.fetch("https://example.com/?ticket=4711")).text();
 * ```
 *
 * @module
 */
export { OpenTelemetry, type OpenTelemetryOptions } from "./http_feature.ts";
export { observeCalls, type ObserveCallsOptions } from "./observe_calls.ts";
export type { MeterLike, TracerLike } from "./instruments.ts";
