/**
 * Proxies chosen by the environment, by a function as PAC scripts write it, and what happens when one is down.
 * Everything runs against a server and a proxy this program starts itself.
 *
 *     deno run --allow-net examples/http/proxies.ts
 *     bun examples/http/proxies.ts
 */
import { createServer, request as forward, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { HttpSession, ProxyResolver } from "../../mod.ts";

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const origin = createServer((request, response) => response.end(request.headers["via"] ?? "directly"));
const proxy = createServer((request, response) => {
  const onward = forward(request.url!, { headers: { ...request.headers, via: "through the proxy" } }, (answer) => {
    response.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(response);
  });
  onward.end();
});
const url = `http://127.0.0.1:${await listen(origin)}/`;
const proxyPort = await listen(proxy);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function ask(what: string, resolver: ProxyResolver): Promise<void> {
  await using session = new HttpSession({ features: [resolver] });
  const response = await session.fetch(url);
  print(`${what}: ${await response.text()}`);
}

const env = { http_proxy: `http://127.0.0.1:${proxyPort}` };
await ask("the environment", ProxyResolver.fromEnvironment({ env }));
await ask("no_proxy", ProxyResolver.fromEnvironment({ env: { ...env, no_proxy: "localhost, 127.0.0.0/8" } }));
await ask("one proxy", ProxyResolver.fromUri(env.http_proxy));
await ask(
  "a function",
  ProxyResolver.fromFunction((uri) => uri.port === "80" ? "DIRECT" : `PROXY 127.0.0.1:${proxyPort}`),
);
await ask(
  "a list whose first is down",
  ProxyResolver.fromFunction(() => `PROXY 127.0.0.1:1; PROXY 127.0.0.1:${proxyPort}`),
);

for (const server of [origin, proxy]) {
  server.close();
  server.closeAllConnections();
}
