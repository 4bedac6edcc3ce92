// deno-lint-ignore-file no-console
// Logs in with a cookie, keeps it in a file, and is still logged in with a new session: deno run -A examples/http/cookies.ts
import { createServer } from "node:http";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CookieJar, CookieTextStore, HttpSession } from "@gp11/gp11/http";

const server = createServer((request, response) => {
  if (request.url === "/login") {
    response.setHeader("set-cookie", [
      "login=ada; Max-Age=3600; HttpOnly; SameSite=Lax",
      "seen=1",
      "tracker=1; Domain=com",
    ]);
  }
  response.end(`you sent: ${request.headers.cookie ?? "no cookie"}`);
});
await once(server.listen(0, "127.0.0.1"), "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const folder = await mkdtemp(join(tmpdir(), "http-cookies-"));
const path = join(folder, "cookies.txt");

async function visit(...paths: string[]): Promise<void> {
  using jar = new CookieJar({ acceptPolicy: "no-third-party", store: new CookieTextStore(path) });
  jar.addEventListener("changed", ({ newCookie, oldCookie }) => {
    console.log(newCookie ? `kept ${newCookie.name}` : `lost ${oldCookie?.name}`);
  });
  await using session = new HttpSession({ features: [jar] });
  for (const target of paths) console.log(target, "→", await (await session.fetch(origin + target)).text());
}

console.log("first session");
await visit("/login", "/");
console.log("second session");
await visit("/");
console.log(
  "the file holds",
  (await readFile(path, "utf8")).split("\n").filter((line) => line.includes("login")).length,
  "cookie",
);

server.close();
server.closeAllConnections();
await rm(folder, { recursive: true });
