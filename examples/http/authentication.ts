/**
 * Authentication: one question for ten requests, a wrong password, an answer that takes its time, tokens that are
 * renewed, credentials given beforehand. Everything runs against a server this program starts itself.
 *
 *     deno run --allow-net examples/http/authentication.ts
 *     bun examples/http/authentication.ts
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { AuthBasic, AuthBearer, AuthManager, HttpSession, PasswordManager } from "../../mod.ts";

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** /files wants alice's password, /api a token that is good for three requests. */
let token = { value: "", uses: 0 };
function answer(request: IncomingMessage, response: ServerResponse): void {
  const { authorization = "", host } = request.headers;
  const isApi = request.url!.startsWith("/api");
  const isKnown = isApi
    ? authorization === `Bearer ${token.value}` && token.uses++ < 3
    : authorization === `Basic ${btoa("alice:wonderland")}`;
  if (isKnown) response.end(`${request.url} of ${host}`);
  else {
    const challenge = isApi ? 'Bearer realm="api"' : 'Basic realm="files"';
    response.writeHead(401, { "www-authenticate": challenge }).end("who are you?");
  }
}
const server = createServer(answer);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

{
  print("A listener answers; the first answer is wrong, so it is asked again.");
  await using session = new HttpSession();
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    print(`  ${auth.scheme} "${auth.realm}" wants a password${retrying ? " again" : ""}`);
    auth.authenticate("alice", retrying ? "wonderland" : "looking glass");
  });
  const statuses = await Promise.all(
    Array.from({ length: 10 }, async (_, number) => (await session.fetch(`${origin}/files/${number}`)).status),
  );
  print(`  ten requests at once: ${statuses.join(" ")}`);
}
{
  print("The answer takes its time: the message is paused, the program goes on.");
  await using session = new HttpSession();
  session.addEventListener("authenticate", ({ auth, msg }) => {
    session.pauseMessage(msg);
    setTimeout(() => {
      auth.authenticate("alice", "wonderland");
      session.unpauseMessage(msg);
    }, 50);
  });
  print(`  ${(await session.fetch(`${origin}/files/late`)).status}`);
}
{
  print("Nobody answers: the refusal is the response.");
  await using session = new HttpSession();
  const response = await session.fetch(`${origin}/files/closed`);
  print(`  ${response.status} ${await response.text()}`);
}
{
  print("A token is fetched and renewed, once for all who wait, and given to no other origin.");
  await using session = new HttpSession();
  session.addFeatureByType(AuthBearer.using({
    origins: [origin],
    refresh({ refusedToken }) {
      token = { value: `token-${Math.random().toString(36).slice(2)}`, uses: 0 };
      print(`  ${refusedToken === null ? "first token" : "new token"}`);
      return token.value;
    },
  }));
  for (let number = 0; number < 5; number++) print(`  ${(await session.fetch(`${origin}/api/${number}`)).status}`);
}
{
  print("Credentials that are known beforehand go with the first request.");
  await using session = new HttpSession();
  const auth = new AuthBasic();
  auth.authenticate("alice", "wonderland");
  session.getFeature(AuthManager)!.useAuth(`${origin}/files/`, auth);
  print(`  ${(await session.fetch(`${origin}/files/known`)).status}`);
}
{
  print("A password store is asked before anybody else, and learns what has proved right.");
  const passwords = new PasswordManager();
  for (const run of ["first", "second"]) {
    await using session = new HttpSession({ features: [passwords] });
    session.addEventListener("authenticate", ({ auth }) => {
      print(`  ${run} run: ${auth.isAuthenticated ? `${auth.savedUsers[0]} is known` : "a person is asked"}`);
      if (!auth.isAuthenticated) auth.authenticate("alice", "wonderland", { remember: true });
    });
    print(`  ${(await session.fetch(`${origin}/files/saved`)).status}`);
  }
}
server.close();
