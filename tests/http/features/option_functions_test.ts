// About internal/expected.ts: options that are called later are looked at where they are given.
import { assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import {
  CookieJar,
  decodeContent,
  FetchTransport,
  HstsEnforcer,
  HttpCache,
  Logger,
  MessageSignatures,
  RateLimit,
  readNdjson,
  Retry,
  serverSentEvents,
  type Signer,
  signMessage,
  verifyMessage,
} from "../../../http/mod.ts";
import { observeCalls, OpenTelemetry } from "../../../opentelemetry/mod.ts";

const signer: Signer = {
  algorithm: "ES256",
  keyId: "k",
  sign: () => Promise.resolve(new Uint8Array(64)),
  publicJwk: () => ({ kty: "EC" }),
};
const request = () => new Request("https://example.org/");
const bytes = () => new Blob(["{}"]).stream();

/** Every option that is a function, of what is made in place and of what is begun. */
const takers: Readonly<Record<string, (value: never) => unknown>> = {
  "Logger printer": (printer) => new Logger({ printer }),
  "Logger requestFilter": (requestFilter) => new Logger({ requestFilter }),
  "Logger responseFilter": (responseFilter) => new Logger({ responseFilter }),
  "Retry onRetry": (onRetry) => new Retry({ onRetry }),
  "RateLimit keyOf": (keyOf) => new RateLimit({ keyOf }),
  "HttpCache now": (now) => new HttpCache({ now }),
  "CookieJar now": (now) => new CookieJar({ now }),
  "HstsEnforcer now": (now) => new HstsEnforcer({ now }),
  "FetchTransport fetch": (fetch) => new FetchTransport({ fetch }),
  "FetchTransport close": (close) => new FetchTransport({ close }),
  "MessageSignatures created": (created) => new MessageSignatures({ signer, created }),
  "MessageSignatures nonce": (nonce) => new MessageSignatures({ signer, nonce }),
  "verifyMessage isNewNonce": (isNewNonce) => verifyMessage(request(), { key: () => null, isNewNonce }),
  "readNdjson onInvalid": (onInvalid) => readNdjson(new Response("{}"), { onInvalid }).next(),
  "decodeContent onPassThrough": (onPassThrough) => decodeContent(bytes(), ["gzip"], { onPassThrough }).next(),
  "serverSentEvents onOpen": (onOpen) =>
    serverSentEvents({ fetch: () => Promise.reject(new Error("asked")) } as never, "https://x/", { onOpen }).next(),
  "OpenTelemetry tracer": (tracer) => new OpenTelemetry({ tracer }),
  "OpenTelemetry meter": (meter) => new OpenTelemetry({ meter }),
  "observeCalls tracer": (tracer) => observeCalls(null, { tracer }),
};

describe("Options that are called later", () => {
  for (const [name, take] of Object.entries(takers)) {
    it(`${name} is refused at once when it cannot be called`, async () => {
      for (const value of [5, "x", true, {}, null]) {
        await assertRejects(async () => await take(value as never), TypeError, "Cannot ");
      }
    });
  }

  it("names of secrets are a list, not a text of many letters", () => {
    assertThrows(() => new OpenTelemetry({ redact: "ticket" }), TypeError, "a list of names");
  });
});

describe("What a signature says of itself", () => {
  it("is text and whole seconds", async () => {
    for (const tag of [5, {}] as never[]) {
      assertThrows(() => new MessageSignatures({ signer, tag }), TypeError, "tag");
      await assertRejects(() => signMessage(request(), { signer, components: [], tag }), TypeError, "tag");
    }
    const sign = (options: object) => signMessage(request(), { signer, components: ["@method"], ...options });
    await assertRejects(() => sign({ nonce: 5 }), TypeError, "nonce");
    await assertRejects(() => sign({ expires: "60" }), TypeError, "expires");
    await assertRejects(() => sign({ created: "now" }), TypeError, "created");
    for (const value of [-1, NaN, 0.5]) {
      await assertRejects(() => sign({ expires: value }), RangeError, "expires");
      await assertRejects(() => sign({ created: value }), RangeError, "created");
    }
  });
});
