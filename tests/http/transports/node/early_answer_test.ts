// Servers that answer an upload without reading it, and close: their answer is there, though writing has failed.
import { assertEquals, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { TransportError } from "../../../../http/errors.ts";
import { HttpStatus } from "../../../../http/protocol/status.ts";
import { TlsDatabase } from "../../../../http/transports/tls_database.ts";
import { NodeTransport } from "../../../../http/transports/node/node_transport.ts";
import { MaskingTls } from "../../../_support/masking_tls.ts";
import { type Refusal, type RefusingWorker, refusingWorker } from "../../../_support/refusing_worker.ts";
import { reply } from "../../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../../_support/tls_certificates.ts";
import { exchange, localTarget, requestFor, textOf } from "../../../_support/transport_driver.ts";

const transport = new NodeTransport();
const counted = reply("413 Too Large", "too much", ["Connection: close"]);
const untilClose = "HTTP/1.0 401 Who\r\n\r\nnobody knows you";
let certificates: TestCertificates;

before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

for (const scheme of ["http", "https"] as const) {
  const refuse = (refusal: Refusal): Promise<RefusingWorker> =>
    refusingWorker({ ...refusal, tls: scheme === "https" ? certificates.good : undefined });
  const upload = (server: RefusingWorker, bodyLength: number | null) => {
    const roots = TlsDatabase.fromPem(certificates.ca.cert);
    const target = localTarget(server.port, { scheme, tls: { strict: true, roots, client: null } });
    const request = requestFor(target, "/", { method: "POST", body: server.body(), bodyLength });
    return exchange(transport.createConnection(target), request);
  };

  describe(`an upload by ${scheme}: that is answered without being read`, () => {
    for (const isOrderly of [true, false]) {
      for (const bodyLength of [null, 20 * 256 * 1024]) {
        const how = `${isOrderly ? "ends and closes" : "closes"}, ${bodyLength === null ? "in chunks" : "counted"}`;
        it(`gets the answer when the server ${how}`, async () => {
          await using server = await refuse({ answer: counted, isOrderly });
          const response = await upload(server, bodyLength);
          assertEquals([response.status, await textOf(response), response.keepAlive], [413, "too much", false]);
        });
      }
    }

    it("gets an answer that ends with the connection", async () => {
      await using server = await refuse({ answer: untilClose, isOrderly: true });
      const response = await upload(server, null);
      assertEquals([response.status, await textOf(response)], [401, "nobody knows you"]);
    });

    it("fails with the error of writing when there is no answer", async () => {
      await using server = await refuse({ answer: "", isOrderly: false });
      const error = await assertRejects(() => upload(server, null), TransportError, "Cannot finish the exchange: ");
      assertEquals([error.status, error.phase], [HttpStatus.IO_ERROR, "send"]);
    });
  });
}

describe("an upload through a ClientTls that is answered without being read", () => {
  it("gets the answer", async () => {
    const answer = new TextEncoder().encode(counted).map((byte) => byte ^ 0xff);
    await using server = await refusingWorker({ answer, isOrderly: true });
    const target = localTarget(server.port, {
      scheme: "https",
      tls: { strict: true, roots: null, client: new MaskingTls() },
    });
    const request = requestFor(target, "/", { method: "POST", body: server.body() });
    const response = await exchange(transport.createConnection(target), request);
    assertEquals([response.status, await textOf(response)], [413, "too much"]);
  });
});
