// A program whose listeners, callback and features throw: run as a child, since such errors reach the global error handling.
import process from "node:process";
import { HttpMessage, HttpSession } from "../../http/mod.ts";

let reported = 0;
process.on("uncaughtException", () => {
  reported++;
});
if (process.versions["deno"]) {
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    reported++;
  });
}

const url = process.argv[2]!;
const boom = (): never => {
  throw new Error("boom");
};
let detached = 0;
const detach = (): never => {
  detached++;
  return boom();
};
const session = new HttpSession({ features: [{ requestQueued: boom, requestUnqueued: boom, detach }, { detach }] });
for (const type of ["request-queued", "request-started", "request-unqueued"] as const) {
  session.addEventListener(type, boom);
}
const statuses: number[] = [];
for (let round = 0; round < 2; round++) {
  await new Promise<void>((resolve) => {
    const msg = new HttpMessage("GET", url);
    for (const type of ["wrote-headers", "got-headers", "got-chunk", "got-body", "finished"] as const) {
      msg.addEventListener(type, boom);
    }
    session.queueMessage(msg, () => {
      statuses.push(msg.statusCode);
      setTimeout(resolve, 20);
      boom();
    });
  });
}
const text = await (await session.fetch(url)).text();
await session.close();
// What shall run the session's work and does not.
const before = reported;
const elsewhere = new HttpSession({ asyncContext: { run: boom } });
for (let round = 0; round < 2; round++) statuses.push((await elsewhere.fetch(url)).status);
await elsewhere.close();
const isTold = reported > before;
process.stdout.write(JSON.stringify({ statuses, text, detached, reported: reported >= 22, isTold }));
process.exit(0);
