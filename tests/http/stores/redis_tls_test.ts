// About http/stores/redis_link.ts: stores over Redis servers that speak TLS alone.
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { RedisLink } from "../../../http/stores/redis_link.ts";
import { firstLine, programEnd, startProgram } from "../../_support/child_program.ts";
import { freePort } from "../../_support/server_programs.ts";
import { noRedis, RedisServer } from "../../_support/redis_server.ts";
import { makeCertificates, type TestCertificate, type TestCertificates } from "../../_support/tls_certificates.ts";

const PASSWORD = "hidden";

describe("a Redis server at a rediss: URL", { skip: noRedis }, () => {
  let certificates: TestCertificates;
  before(async () => certificates = await makeCertificates());
  after(() => certificates.remove());

  /** A server with TLS, and where it is. */
  const started = async ({ certFile, keyFile }: TestCertificate) => {
    const port = await freePort();
    const files = ["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-auth-clients", "no"];
    const server = await RedisServer.start("--tls-port", String(port), ...files, "--requirepass", PASSWORD);
    return { server, url: `rediss://:${PASSWORD}@localhost:${port}/2`, address: `rediss://localhost:${port}` };
  };

  it("is spoken to where its certificate is trusted and names it, and not otherwise", async () => {
    const named = await started(certificates.good);
    await using _named = named.server;
    const misnamed = await started(certificates.wrongName);
    await using _misnamed = misnamed.server;

    const environment = { NODE_EXTRA_CA_CERTS: certificates.ca.certFile };
    const program = new URL("../../_support/redis_program.ts", import.meta.url);
    const child = startProgram(program, [named.url, misnamed.url], environment);
    const [answer, refusal] = JSON.parse(await firstLine(child));
    await programEnd(child);
    assertEquals(answer, "PONG");
    assertStringIncludes(refusal, `at ${misnamed.address}`);

    // This process does not trust the authority.
    const link = new RedisLink("ask in a test", { url: named.url });
    const { message } = await assertRejects(() => link.command("PING"), Error, `at ${named.address}`);
    await link.close();
    for (const text of [message, refusal]) {
      assertMatch(text, /there is no connection: .*certificate/i);
      assert(!text.includes(PASSWORD), text);
    }
  });
});
