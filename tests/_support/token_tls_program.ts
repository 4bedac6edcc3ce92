// A program that sends one request with a client key in a token, and leaves the rest to the end of the process.
import process from "node:process";
import { HttpSession } from "../../http/mod.ts";
import { tokenCertificate } from "../../session/mod.ts";

const [module, key, pin, url] = process.argv.slice(2) as [string, string, string, string];
const { CERTIFICATE: certificate = "", AUTHORITY: ca = "" } = process.env;
const clientCertificate = await tokenCertificate({ certificate, key, pin, module, ca });
await using session = new HttpSession({ clientCertificate });
const response = await session.fetch(url);
process.stdout.write(`${response.status} ${await response.text()}\n`);
// What is in the middle of a handshake ends with the process.
if (process.argv.includes("leave")) {
  void new HttpSession({ clientCertificate }).fetch(url).catch(() => {});
  process.exit(7);
}
