/**
 * Server-sent events that survive a lost connection, and JSON records one by one. Everything runs against a server this
 * program starts itself.
 *
 *     deno run --allow-net examples/http/streams.ts
 *     bun examples/http/streams.ts
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { HttpMessage, HttpSession, readNdjson, serverSentEvents, streamMessage } from "../../mod.ts";

const server = createServer((request, response) => {
  if (request.url === "/records") {
    for (let n = 1; n <= 3; n++) response.write(`${JSON.stringify({ n, square: n * n })}\n`);
    response.end();
    return;
  }
  const last = Number(request.headers["last-event-id"] ?? 0);
  if (last === 4) return void response.writeHead(204).end(); // There is nothing more to tell.
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write("retry: 10\n\n");
  for (let id = last + 1; id <= last + 2; id++) response.write(`id: ${id}\nevent: tick\ndata: ${id} o'clock\n\n`);
  response.end(); // As a proxy does that has waited long enough.
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

{
  await using session = new HttpSession();
  const onReconnect = ({ delay }: { delay: number }): void => print(`lost, again in ${delay} ms`);
  for await (const event of serverSentEvents(session, `${origin}/events`, { onReconnect })) {
    print(`${event.type} ${event.lastEventId}: ${event.data}`);
  }
  const msg = new HttpMessage("GET", `${origin}/records`);
  for await (const record of readNdjson<{ n: number; square: number }>(await streamMessage(session, msg))) {
    print(`the square of ${record.n} is ${record.square}`);
  }
}
server.close();
server.closeAllConnections();
