// A program for Deno that sends in each way; whoever starts it says what it may do.
import process from "node:process";
import { HttpMessage, HttpSession } from "../../http/mod.ts";

const [url, alsoWaits] = process.argv.slice(2) as [string, string?];
const session = new HttpSession();
const fetched = await session.fetch(url).then((response) => response.text(), (error: Error) => error.message);
const msg = new HttpMessage("POST", url, { body: "x" });
const status = await session.sendMessage(msg);
let waited: number | string | null = null;
try {
  if (alsoWaits !== undefined) waited = session.sendMessageSync(new HttpMessage("GET", url));
} catch (error) {
  waited = (error as Error).message;
}
process.stdout.write(JSON.stringify({ fetched, status, reason: msg.reasonPhrase, waited }));
session.close();
