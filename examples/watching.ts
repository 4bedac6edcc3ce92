// deno-lint-ignore-file no-console
/**
 * What the library does, seen from outside: objects in the log, and the trace of one signed request from the queue to
 * C_Sign, made by OpenTelemetry's SDK and printed as a tree.
 * The token "keys" is that of docs/first-signature.md.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/watching.ts
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { ckfNames, CKM, ckmName, HttpMessage, HttpSession, MessageSignatures, Module, tokenSigner } from "@gp11/gp11";
import { observeCalls, OpenTelemetry } from "@gp11/gp11/opentelemetry";

// What a program does once, at its start; Deno with OTEL_DENO=true does it by itself.
const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));

const server = createServer((request, response) => {
  const isOld = request.url!.startsWith("/old");
  response.writeHead(isOld ? 302 : 200, isOld ? { location: "/new?ticket=4711" } : {}).end();
}).listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

{
  await using module = await Module.load(process.env["PKCS11_MODULE"]!);
  const slot = await module.findSlot("keys");
  await using session = await slot.openSession({ readWrite: true, login: { pin: "1234" } });
  const pair = await session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, { namedCurve: "P-256" }, { sign: true });
  const signer = await tokenSigner(pair.privateKey, { keyId: "client-1", publicKey: pair.publicKey });

  console.log(
    ckfNames((await slot.tokenInfo()).flags, "token").includes("CKF_LOGIN_REQUIRED"),
    ckmName(CKM.ECDSA_SHA256),
  );

  using _calls = observeCalls(module);
  const signatures = new MessageSignatures({ signer, components: ["@method", "@path"] });
  await using http = new HttpSession({ features: [signatures, new OpenTelemetry()] });
  const msg = new HttpMessage("GET", `${origin}/old`);
  await trace.getTracer("example").startActiveSpan("place the order", async (span) => {
    await http.sendMessage(msg);
    span.end();
  });

  console.log(http);
  printTree(exporter.getFinishedSpans());
}
server.close();

function printTree(spans: readonly ReadableSpan[], parent?: string, indent = ""): void {
  for (const span of spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)) {
    const shown = ["http.response.status_code", "http.request.resend_count", "pkcs11.mechanism", "pkcs11.token.label"]
      .flatMap((name) => span.attributes[name] === undefined ? [] : [String(span.attributes[name])]);
    const url = String(span.attributes["url.full"] ?? "").replace(origin, "http://127.0.0.1");
    console.log([`${indent}${span.name}`, url, ...shown].filter((part) => part !== "").join(" "));
    printTree(spans, span.spanContext().spanId, `${indent}  `);
  }
}
