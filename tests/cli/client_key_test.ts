// gp11 fetch --client-key with a key whose certificate was renewed: cli/commands/fetch.ts, session/keys/partners.ts.
import { assertStringIncludes } from "@std/assert";
import { describe, it } from "node:test";
import { nginxPath, startNginx } from "../_support/nginx.ts";
import { makeCertificates } from "../_support/tls_certificates.ts";
import { tokenTlsSkip } from "../_support/token_clients.ts";
import { TokenCommands } from "../_support/token_commands.ts";

const skip = tokenTlsSkip || (nginxPath === null ? "nginx is not installed" : false);

describe("a client key on the command line", { skip }, () => {
  it("shows servers that certificate of its own which is valid", async () => {
    const commands = new TokenCommands();
    const label = await commands.keyWith({ expired: [-30, -1], current: [-1, 30] });
    await using certificates = await makeCertificates();
    const { ca, good } = certificates;
    await using server = await startNginx({ certificate: good, server: "ssl_verify_client optional_no_ca;" });
    const line =
      `fetch ${server.tlsOrigin}/echo --cacert ${ca.certFile} --client-key TOKEN;object=${label};type=private`;
    await commands.done(`import TOKEN --in FOLDER/expired.crt --label ${label}-before`);
    assertStringIncludes((await commands.run(line)).errors, "the server answered 400");
    await commands.done(`import TOKEN --in FOLDER/current.crt --label ${label}`);
    assertStringIncludes((await commands.done(line)).text, "CN=current");
  });
});
