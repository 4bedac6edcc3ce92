import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Histogram } from "@opentelemetry/sdk-metrics";
import { before, beforeEach, describe, it } from "node:test";
import { HttpError, HttpMessage, HttpSession, MockTransport, Retry, TransportError } from "../../http/mod.ts";
import { OpenTelemetry, type OpenTelemetryOptions } from "../../opentelemetry/mod.ts";
import { exportedText, pointsOf, recordTelemetry, takeSpans } from "../_support/recording_telemetry.ts";

describe("The spans of messages", () => {
  const tracer = trace.getTracer("test");
  const seen: { path: string; traceparent: string | null }[] = [];
  let answers: Response[] = [];

  before(recordTelemetry);
  beforeEach(() => {
    takeSpans();
    seen.length = 0;
  });

  function mocked(options: OpenTelemetryOptions = {}): HttpSession {
    const mock = new MockTransport(({ headers, url }) => {
      seen.push({ path: new URL(url).pathname, traceparent: headers.get("traceparent") });
      const answer = answers.shift();
      if (answer === undefined) {
        throw new TransportError(4, "connect", "Cannot connect: plantedreason", { code: "ECONNREFUSED" });
      }
      return answer;
    });
    return new HttpSession({ features: [mock, new Retry({ baseDelay: 1 }), new OpenTelemetry(options)] });
  }

  /** Runs work in a span, and gives the spans of its messages. */
  async function within(work: () => Promise<unknown>): Promise<{ parent: Span; spans: ReturnType<typeof takeSpans> }> {
    const parent = await tracer.startActiveSpan("parent", async (span) => {
      await work();
      span.end();
      return span;
    });
    const spans = takeSpans().filter(({ name }) => name !== "parent");
    for (const span of spans) assertEquals(span.parentSpanContext?.spanId, parent.spanContext().spanId, span.name);
    return { parent, spans };
  }

  it("have what the conventions want, and the request has the span for its parent", async () => {
    await using session = mocked();
    answers = [new Response("hello")];
    const { spans } = await within(async () => await (await session.fetch("https://example.org:8443/a?b=1#c")).text());
    assertEquals(spans.length, 1);
    const [span] = spans;
    assertEquals([span!.name, span!.kind, span!.status.code], ["GET", SpanKind.CLIENT, SpanStatusCode.UNSET]);
    assertEquals(span!.attributes, {
      "http.request.method": "GET",
      "http.response.status_code": 200,
      "network.protocol.version": "1.1",
      "server.address": "example.org",
      "server.port": 8443,
      "url.full": "https://example.org:8443/a?b=1",
    });
    const { spanId, traceId } = span!.spanContext();
    assertEquals(seen, [{ path: "/a", traceparent: `00-${traceId}-${spanId}-01` }]);
  });

  it("are one for each attempt, through redirects, repeats and authentication, side by side", async () => {
    await using session = mocked();
    session.addEventListener("authenticate", ({ auth }) => auth.authenticate("user", "plantedpassword"));
    answers = [
      new Response(null, { status: 302, headers: { location: "https://other.example/new" } }),
      new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } }),
      new Response(null, { status: 503, headers: { "retry-after": "0" } }),
      new Response("at last"),
    ];
    const msg = new HttpMessage("GET", "https://example.org/old");
    const { spans } = await within(async () => assertEquals(await session.sendMessage(msg), 200));
    const row = ({ attributes, status }: typeof spans[number]) => [
      attributes["server.address"],
      attributes["http.response.status_code"],
      attributes["http.request.resend_count"] ?? 0,
      attributes["error.type"] ?? "",
      status.code === SpanStatusCode.ERROR,
    ];
    assertEquals(spans.map(row), [
      ["example.org", 302, 0, "", false],
      ["other.example", 401, 1, "401", true],
      ["other.example", 503, 2, "503", true],
      ["other.example", 200, 3, "", false],
    ]);
    assertEquals(
      seen.map(({ traceparent }) => traceparent?.split("-")[2]),
      spans.map((span) => span.spanContext().spanId),
    );
    assert(!/planted/.test(exportedText(spans)));
  });

  it("end where a message fails or is cancelled, and say why", async () => {
    await using session = mocked();
    session.removeFeatureByType(Retry);
    answers = [];
    const failed = await within(() => assertRejects(() => session.fetch("https://example.org/"), HttpError));
    assertEquals(failed.spans.map(({ attributes }) => attributes["error.type"]), ["ECONNREFUSED"]);
    const cancelled = await within(async () => {
      const controller = new AbortController();
      const sent = session.sendMessage(new HttpMessage("GET", "https://example.org/"), { signal: controller.signal });
      session.addEventListener("request-started", () => controller.abort(), { once: true });
      await assertRejects(() => sent);
    });
    assertEquals(cancelled.spans.map(({ attributes }) => attributes["error.type"]), ["CANCELLED"]);
    assertEquals(cancelled.spans[0]!.status.code, SpanStatusCode.ERROR);
    assert(!/planted/.test(exportedText([...failed.spans, ...cancelled.spans])));
    const odd = await within(() => session.sendMessage(new HttpMessage("BREW", "https://example.org/")));
    assertEquals([odd.spans[0]!.name, odd.spans[0]!.attributes["http.request.method_original"]], ["HTTP", "BREW"]);
  });

  it("are of a synchronous send, too", async () => {
    await using session = new HttpSession({ features: [new OpenTelemetry()] });
    const { spans } = await within(() =>
      Promise.resolve(session.sendMessageSync(new HttpMessage("GET", "http://127.0.0.1:1/?sig=plantedsignature")))
    );
    assertEquals(spans.map(({ attributes }) => attributes["url.full"]), ["http://127.0.0.1:1/?sig=REDACTED"]);
    assert(/^[A-Z_]+$/.test(String(spans[0]!.attributes["error.type"])));
  });

  it("keep what may be secret out of URLs, and go along only where they shall", async () => {
    await using session = mocked({ propagate: ({ host }) => host === "ours.example", redact: ["Ticket"] });
    answers = [
      new Response(null, { status: 307, headers: { location: "https://theirs.example/b" } }),
      new Response("b"),
    ];
    const url =
      "https://planteduser:plantedpass@ours.example/a?ticket=planted1&x=1&access_token=planted2&AWSAccessKeyId=planted3&flag";
    const { spans } = await within(() => session.sendMessage(new HttpMessage("GET", url)));
    const hidden = "ticket=REDACTED&x=1&access_token=REDACTED&AWSAccessKeyId=REDACTED&flag";
    assertEquals(spans[0]!.attributes["url.full"], `https://REDACTED:REDACTED@ours.example/a?${hidden}`);
    assertEquals(seen.map(({ traceparent }) => traceparent !== null), [true, false]);
    assert(!/planted/.test(exportedText(spans)));
    assertThrows(() => new OpenTelemetry({ propagate: "yes" as unknown as boolean }), TypeError);
  });

  it("come with metrics of durations, waiting and connections", async () => {
    await using session = mocked();
    answers = [new Response("hello")];
    const attributes = { "http.request.method": "GET", "server.address": "metric.example", "server.port": 443 };
    await session.sendMessage(new HttpMessage("GET", "https://metric.example/?sig=planted"));
    const pointsHere = async (name: string) =>
      (await pointsOf(name)).filter((point) => point.attributes["server.address"] === "metric.example");
    const [duration] = await pointsHere("http.client.request.duration");
    assertEquals((duration!.value as Histogram).count, 1);
    assertEquals(duration!.attributes, {
      ...attributes,
      "http.response.status_code": 200,
      "network.protocol.version": "1.1",
    });
    const [waited] = await pointsHere("http.client.request.time_in_queue");
    assertEquals([(waited!.value as Histogram).count, waited!.attributes], [1, attributes]);
    const [active] = await pointsHere("http.client.active_requests");
    assertEquals(active!.value, 0);
    let open: unknown;
    answers = [new Response("hello")];
    session.addEventListener("request-started", () => open = pointsHere("http.client.open_connections"));
    await session.sendMessage(new HttpMessage("GET", "https://metric.example/"));
    const connections = await (open as ReturnType<typeof pointsHere>);
    const counted = Object.fromEntries(
      connections.map((point) => [point.attributes["http.connection.state"], point.value]),
    );
    assertEquals({ idle: 0, ...counted }, { active: 1, idle: 0 });
  });
});
