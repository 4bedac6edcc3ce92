// A program that has a Response of its own after it has imported the library, as one that mocks fetch may; writes what it got.
import { createServer } from "node:http";
import process from "node:process";
import { HttpSession, type TransportChoice } from "../../http/mod.ts";

const Native = Response;
globalThis.Response = class extends Native {};
const server = createServer((_, response) => response.end("Hello, world"));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };
for (const transport of ["node", "fetch", "auto"] as TransportChoice[]) {
  await using session = new HttpSession({ transport });
  const read = await session.fetch(`http://127.0.0.1:${port}/`);
  const text = await read.text();
  const streamed = await session.fetch(`http://127.0.0.1:${port}/`);
  const { value } = await streamed.body!.getReader().read();
  const isOurs = read instanceof Native && read.headers.has("content-length");
  process.stdout.write(`${transport} ${text} ${value!.byteLength} ${isOurs}\n`);
}
server.close();
