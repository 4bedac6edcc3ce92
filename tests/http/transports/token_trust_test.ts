// About trustAnchors() and TlsDatabase together: what the operating system's token distrusts is refused, whoever else trusts it.
import { assertEquals } from "@std/assert";
import { copyFileSync, mkdirSync } from "node:fs";
import process from "node:process";
import { it } from "node:test";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { p11KitModulePath } from "../../../tools/native_libraries.ts";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { reply, socketServer } from "../../_support/socket_server.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import { makeCertificates } from "../../_support/tls_certificates.ts";

const trustModule = p11KitModulePath("trust");
const skip = trustModule === null ? "p11-kit's trust module is not installed" : false;

it(
  "a session that trusts the system's token refuses an authority as soon as that is asked again",
  { skip },
  async () => {
    await using certificates = await makeCertificates();
    const { cert, key } = certificates.good;
    await using server = await socketServer((_request, socket) => void socket.write(reply("200 OK")), {
      tls: { cert, key },
    });
    const folder = temporaryFolder("token-trust");
    for (const name of ["anchors", "blocklist"]) mkdirSync(`${folder}/${name}`);
    copyFileSync(certificates.ca.certFile, `${folder}/anchors/trusted.pem`);
    const url = server.origin.replace("127.0.0.1", "localhost");
    const program = new URL("../../_support/token_trust_program.ts", import.meta.url);
    const environment = { NODE_EXTRA_CA_CERTS: certificates.ca.certFile };
    const child = startProgram(program, [url, trustModule!, folder, certificates.ca.certFile], environment);
    let output = "";
    child.stdout?.on("data", (chunk) => output += chunk);
    await programEnd(child);
    const refused = ["pinned", 200, HttpStatus.SSL_FAILED];
    // A fetch that can only add roots would trust the runtime's own as well: it is not used, and says why where nothing else is.
    const fetch = process.versions.bun ? refused : ["added", "NotSupportedError", "NotSupportedError"];
    assertEquals(JSON.parse(output), { auto: refused, node: refused, fetch });
  },
);
