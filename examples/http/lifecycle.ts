/**
 * The life of a request, printed as it happens: a redirect, a refusal that is answered with a password, and the page.
 * Everything runs against a server this program starts itself.
 *
 *     deno run --allow-net examples/http/lifecycle.ts
 *     bun examples/http/lifecycle.ts
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { HttpMessage, HttpSession } from "../../mod.ts";

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === "/start") {
    response.writeHead(302, { location: "/secret", "content-length": 0 }).end();
  } else if (request.headers.authorization === `Basic ${btoa("alice:wonderland")}`) {
    response.writeHead(200, { "content-type": "text/plain", "content-length": 13 }).end("down the hole");
  } else {
    const body = "who are you?";
    response.writeHead(401, { "www-authenticate": 'Basic realm="burrow"', "content-length": body.length }).end(body);
  }
}

const server = createServer(answer);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

{
  await using session = new HttpSession({ userAgent: "lifecycle/1.0 " });
  session.addEventListener("request-queued", ({ msg }) => print(`session  request-queued      ${msg.uri.pathname}`));
  session.addEventListener("connection-created", ({ connection }) => {
    print(`session  connection-created  ${connection.host}, number ${session.connections.length}`);
  });
  session.addEventListener("request-started", ({ msg, connection }) => {
    print(
      `session  request-started     ${msg.method} ${msg.uri.pathname}, use ${connection!.uses + 1} of its connection`,
    );
  });
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    print(`session  authenticate        ${auth.scheme} "${auth.realm}"${retrying ? ", again" : ""}`);
    if (!retrying) auth.authenticate("alice", "wonderland");
  });
  session.addEventListener("request-unqueued", ({ msg }) => print(`session  request-unqueued    ${msg.uri.pathname}`));

  const msg = new HttpMessage("GET", `http://127.0.0.1:${port}/start`);
  for (const type of ["wrote-headers", "wrote-body", "got-body"] as const) {
    msg.addEventListener(type, () => print(`message  ${type}`));
  }
  msg.addEventListener(
    "got-headers",
    () => print(`message  got-headers         ${msg.statusCode} ${msg.reasonPhrase}`),
  );
  msg.addEventListener("got-chunk", ({ chunk }) => print(`message  got-chunk           ${chunk.byteLength} bytes`));
  msg.addEventListener("restarted", () => print(`message  restarted           now ${msg.uri.pathname}`));
  msg.addEventListener("finished", () => print(`message  finished            ${msg.statusCode}`));

  const status = await session.sendMessage(msg);
  print(`result   ${status}: ${new TextDecoder().decode(msg.responseBody)} (${msg.metrics.attempts} attempts)`);
}
await new Promise<void>((resolve) => server.close(() => resolve()));
