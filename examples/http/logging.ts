/**
 * What a session sends and receives, written down in the layout of SoupLogger with every secret hidden. Everything runs
 * against a server this program starts itself.
 *
 *     deno run --allow-net examples/http/logging.ts
 *     bun examples/http/logging.ts
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { HttpSession, Logger } from "../../mod.ts";

const server = createServer((request, response) => {
  request.resume();
  if (request.url!.startsWith("/sign-in")) {
    response.writeHead(302, { location: "/account?code=4711", "set-cookie": "sid=31337; HttpOnly" }).end();
  } else {
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"user":"alice",\n"access_token":"eyJhbGciOi"}');
  }
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

{
  await using session = new HttpSession({ userAgent: "logging/1.0 " });
  session.addFeature(
    new Logger({
      level: "body",
      // Pictures of cats are nobody's business.
      responseFilter: (msg) => msg.responseHeaders.get("content-type")?.startsWith("image/") ? "headers" : "body",
      printer: (_level, direction, line) => void process.stdout.write(`${direction} ${line}\n`),
    }),
  );
  const response = await session.fetch(`${origin}/sign-in?api_key=12345`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("alice:wonderland")}` },
    body: new URLSearchParams({ user: "alice", password: "wonderland" }),
  });
  await response.json();
}
server.close();
server.closeAllConnections();
