// Bundled by a test: says that it has started, then sends synchronously to the address it is given.
import process from "node:process";
import { HttpMessage, HttpSession } from "../../http/mod.ts";

process.stdout.write("started\n");
const session = new HttpSession();
const msg = new HttpMessage("GET", process.argv.at(-1)!);
session.sendMessageSync(msg);
process.stdout.write(`${msg.statusCode} ${new TextDecoder().decode(msg.responseBody)} ${String(msg.error)}\n`);
session.close();
