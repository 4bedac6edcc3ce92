// A program that sends one request with a client key in a token, begins another, and leaves in the middle of it.
import process from "node:process";
import { HttpSession } from "../../http/mod.ts";
import { tokenCertificate } from "../../session/mod.ts";

const [module, key, pin, url] = process.argv.slice(2) as [string, string, string, string];
const { CERTIFICATE: certificate = "", AUTHORITY: ca = "" } = process.env;
const clientCertificate = await tokenCertificate({ certificate, key, pin, module, ca });
const session = new HttpSession({ clientCertificate });
const response = await session.fetch(url);
// nginx says method, target, a field, the client's subject and the number of the connection.
const seen = (await response.text()).replace(/^GET \/echo {2}| \d+$/g, "");
new HttpSession({ clientCertificate }).fetch(url).catch(() => {});
process.stdout.write(`${response.status} ${seen}\n`, () => process.exit(7));
