import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { Histogram } from "@opentelemetry/sdk-metrics";
import { after, before, describe, it } from "node:test";
import { CKM, CKU } from "../../ffi/constants/mod.ts";
import { HttpMessage, HttpSession, MessageSignatures, MockTransport } from "../../http/mod.ts";
import { observeCalls, OpenTelemetry } from "../../opentelemetry/mod.ts";
import { type Module, Pkcs11Error, tokenSigner } from "../../session/mod.ts";
import { exportedText, pointsOf, recordTelemetry, takeSpans } from "../_support/recording_telemetry.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { TokenSession } from "../_support/token_session.ts";

describe("The spans of PKCS#11 calls", { skip: softhsmSkip }, () => {
  const tracer = trace.getTracer("test");
  let on: TokenSession;

  before(async () => {
    recordTelemetry();
    on = await TokenSession.open();
  });
  after(() => on.close());

  it("are children of the attempt whose request is signed", async () => {
    const { privateKey, publicKey } = await on.ecPair();
    const signer = await tokenSigner(privateKey, { keyId: "k", publicKey });
    const signatures = new MessageSignatures({ signer, components: ["@method"] });
    const answers = [new Response(null, { status: 302, headers: { location: "/new" } }), new Response("new")];
    const mock = new MockTransport(() => answers.shift() ?? null);
    await using session = new HttpSession({ features: [mock, signatures, new OpenTelemetry()] });
    using _calls = observeCalls(on.module);
    takeSpans();
    const parent = await tracer.startActiveSpan("parent", async (span) => {
      await session.sendMessage(new HttpMessage("GET", "https://example.org/old"));
      span.end();
      return span.spanContext();
    });
    const spans = takeSpans();
    const attempts = spans.filter(({ name }) => name === "GET");
    assertEquals(attempts.map((span) => span.parentSpanContext?.spanId), [parent.spanId, parent.spanId]);
    const signed = spans.filter(({ name }) => name === "C_Sign");
    assertEquals(
      signed.map((span) => span.parentSpanContext?.spanId),
      attempts.map((span) => span.spanContext().spanId),
    );
    assertEquals(signed[0]!.attributes, {
      "pkcs11.function": "C_Sign",
      "pkcs11.mechanism": "CKM_ECDSA",
      "pkcs11.return_value": "CKR_OK",
      "pkcs11.token.label": on.token.label,
    });
  });

  it("say what has failed and nothing that is secret, and end with the observation", async () => {
    const pin = ["planted", "pin"].join("");
    const observed = observeCalls(on.module);
    const others = observeCalls();
    takeSpans();
    await assertRejects(() => on.session.login(CKU.SO, pin), Pkcs11Error);
    others[Symbol.dispose]();
    const spans = takeSpans();
    const logins = spans.filter(({ name }) => name === "C_Login");
    assertEquals(logins.length, 2);
    for (const { attributes, status } of logins) {
      assert(/^CKR_/.test(String(attributes["error.type"])), String(attributes["error.type"]));
      assertEquals([attributes["pkcs11.return_value"], status.code], [attributes["error.type"], SpanStatusCode.ERROR]);
    }
    assert(!exportedText(spans).includes(pin));
    on.session.digestSync(CKM.SHA256, new Uint8Array(3));
    observed[Symbol.dispose]();
    on.session.digestSync(CKM.SHA256, new Uint8Array(3));
    assertEquals(takeSpans().map(({ name }) => name), ["C_DigestInit", "C_Digest"]);
    const points = await pointsOf("pkcs11.call.duration");
    const digests = points.filter(({ attributes }) => attributes["pkcs11.function"] === "C_Digest");
    assertEquals(digests.map(({ value }) => (value as Histogram).count), [1]);
    assertThrows(() => observeCalls({} as Module), TypeError, "expected a Module");
  });
});
