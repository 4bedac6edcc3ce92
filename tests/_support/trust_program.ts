// Asks for a URL with databases of no and of one certificate, on every transport; prints the statuses. Run with a CA the runtime trusts by itself.
import process from "node:process";
import { HttpMessage } from "../../http/message/message.ts";
import { HttpSession } from "../../http/session/session.ts";
import { TlsDatabase } from "../../http/transports/tls_database.ts";

const [url = "", strangerFile = ""] = process.argv.slice(2);
const databases = [null, TlsDatabase.system, TlsDatabase.fromPem(""), TlsDatabase.fromFile(strangerFile)];
const statuses: number[][] = [];
for (const transport of ["auto", "node"] as const) {
  const row: number[] = [];
  for (const tlsDatabase of databases) {
    await using session = new HttpSession({ transport, tlsDatabase });
    row.push(await session.sendMessage(new HttpMessage("GET", url)));
  }
  statuses.push(row);
}
process.stdout.write(JSON.stringify(statuses));
