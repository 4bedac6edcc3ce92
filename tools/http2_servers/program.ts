// What a session does with Caddy and nghttpd over HTTP/2; prints a line for each thing that was right, and fails at the first
// that is not.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { HttpMessage, HttpSession, type HttpSessionOptions, HttpStatus, TlsDatabase } from "../../http/mod.ts";
import { say } from "../say.ts";
import { freePort, spawnServer, stopServer, untilListening } from "../../tests/_support/server_programs.ts";

const { AUTHORITY = "", CADDY = "", CERTIFICATE = "", KEY = "", NGHTTPD = "" } = process.env;
const LARGE = 20 * 1024 * 1024;
const tlsDatabase = TlsDatabase.fromPem(AUTHORITY);
const folder = mkdtempSync(join(tmpdir(), "gp11-http2-"));
writeFileSync(join(folder, "small.txt"), "small");
writeFileSync(join(folder, "large.bin"), new Uint8Array(LARGE).fill(7));

const sessionOf = (options: HttpSessionOptions = {}) => new HttpSession({ tlsDatabase, http2: "required", ...options });
const many = <T>(times: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: times }, (_, index) => make(index)));

async function started(command: string, args: readonly string[], port: number): Promise<AsyncDisposable> {
  const child = spawnServer(command, args);
  await untilListening(port, child);
  return { [Symbol.asyncDispose]: () => stopServer(child) };
}

async function nghttpd(port: number, ...args: string[]): Promise<AsyncDisposable> {
  const named = [String(port), ...(args.includes("--no-tls") ? [] : [KEY, CERTIFICATE])];
  return await started(NGHTTPD, ["--address=127.0.0.1", `--htdocs=${folder}`, ...args, ...named], port);
}

/** What every server has to be able to do with a session. */
async function ordinary(origin: string, options: HttpSessionOptions = {}): Promise<void> {
  await using session = sessionOf(options);
  const texts = await many(60, async () => await (await session.fetch(`${origin}/small.txt`)).text());
  assertEquals(new Set(texts), new Set(["small"]));
  assertEquals(session.connections.map(({ protocol }) => protocol), ["h2"]);
  const msg = new HttpMessage("GET", `${origin}/missing`, { headers: { "x-large": "v".repeat(12_000) } });
  assertEquals([await session.sendMessage(msg), msg.httpVersion], [404, "2"]);
  const head = new HttpMessage("HEAD", `${origin}/large.bin`);
  assertEquals([await session.sendMessage(head), head.responseBody.byteLength], [200, 0]);
  const large = await (await session.fetch(`${origin}/large.bin`)).bytes();
  assert(large.byteLength === LARGE && large.every((byte) => byte === 7));
  // Given up on the way, without its neighbours.
  const [givenUp, kept] = await many(2, () => session.fetch(`${origin}/large.bin`));
  await givenUp!.body!.cancel();
  assertEquals((await kept!.bytes()).byteLength, LARGE);
  assertEquals(session.connections.length, 1);
}

async function echoes(url: string, options: HttpSessionOptions = {}): Promise<void> {
  await using session = sessionOf(options);
  const bytes = Uint8Array.from({ length: LARGE }, (_, index) => index & 255);
  const bodies = { bytes, blob: new Blob([bytes]), stream: new Blob([bytes]).stream() };
  for (const [what, body] of Object.entries(bodies)) {
    const msg = new HttpMessage("POST", url, { body });
    assertEquals([await session.sendMessage(msg), msg.error], [200, null], what);
    assert(msg.responseBody.every((byte, index) => byte === bytes[index]), what);
    assertEquals(msg.responseBody.byteLength, LARGE, what);
  }
}

async function withNghttpd(): Promise<void> {
  const port = await freePort();
  const origin = `https://127.0.0.1:${port}`;
  {
    await using _server = await nghttpd(port, "--echo-upload", "--trailer=x-sum: 7", "--padding=100");
    await ordinary(origin);
    await echoes(`${origin}/`);
    await using session = sessionOf();
    const msg = new HttpMessage("GET", `${origin}/small.txt`);
    assertEquals([await session.sendMessage(msg), msg.trailers?.get("x-sum")], [200, "7"]);
  }
  say("nghttpd: many, large, given up, echoed, with trailers and padding");
  {
    await using _server = await nghttpd(
      port,
      "--max-concurrent-streams=3",
      "--window-bits=14",
      "--connection-window-bits=15",
      "--echo-upload",
      "--header-table-size=0",
      "--encoder-header-table-size=0",
    );
    await ordinary(origin);
    await echoes(`${origin}/`);
  }
  say("nghttpd: three streams at once, small windows, no tables");
  {
    await using _server = await nghttpd(port, "--early-response");
    await using session = sessionOf();
    const msg = new HttpMessage("POST", `${origin}/small.txt`, { body: new Uint8Array(LARGE) });
    assertEquals(await session.sendMessage(msg), 200);
    assertEquals(await session.sendMessage(new HttpMessage("GET", `${origin}/small.txt`)), 200);
    assertEquals(session.connections.length, 1);
  }
  say("nghttpd: an answer before the end of the body, on a connection that stays");
  await using _server = await nghttpd(port, "--no-tls");
  await ordinary(`http://127.0.0.1:${port}`);
  say("nghttpd: HTTP/2 without TLS");
}

async function withCaddy(): Promise<void> {
  const [port, admin] = [await freePort(), await freePort()];
  const config = join(folder, "Caddyfile");
  const write = (generation: number) =>
    writeFileSync(
      config,
      `{
  admin 127.0.0.1:${admin}
  auto_https off
  servers {
    strict_sni_host on
  }
}
https://localhost:${port} {
  tls ${CERTIFICATE} ${KEY}
  header x-generation ${generation}
  root * ${folder}
  respond /echo "{http.request.body}"
  respond /refused 403
  file_server
}
`,
    );
  write(1);
  process.env.XDG_DATA_HOME = process.env.XDG_CONFIG_HOME = folder;
  await using _server = await started(CADDY, ["run", "--config", config, "--adapter", "caddyfile"], port);
  const origin = `https://localhost:${port}`;
  await ordinary(origin);
  await echoes(`${origin}/echo`);
  say("Caddy: many, large, given up, echoed");
  await using session = sessionOf();
  const refused = new HttpMessage("PUT", `${origin}/refused`, { body: new Uint8Array(LARGE) });
  assertEquals(await session.sendMessage(refused), 403);
  assertEquals(await session.sendMessage(new HttpMessage("GET", `${origin}/small.txt`)), 200);
  say("Caddy: an answer before the end of the body");
  const misdirected = new HttpMessage("GET", `${origin}/small.txt`, { headers: { host: "other.example" } });
  const created = new Set<number>();
  session.addEventListener("connection-created", ({ connection }) => void created.add(connection.id));
  const status = await session.sendMessage(misdirected);
  assertEquals([status, created.size], [HttpStatus.MISDIRECTED_REQUEST, 1]);
  say("Caddy: 421 for another host, on a new connection too, and not asked a third time");
  // Reloading ends connections by GOAWAY while requests are made: none of them may fail.
  let going = true;
  const statuses = new Set<number>();
  const generations = new Set<string | null>();
  const asking = many(8, async () => {
    while (going) {
      const msg = new HttpMessage("GET", `${origin}/small.txt`);
      statuses.add(await session.sendMessage(msg));
      generations.add(msg.responseHeaders.get("x-generation"));
    }
  });
  for (let generation = 2; generation <= 4; generation++) {
    write(generation);
    const args = ["reload", "--config", config, "--adapter", "caddyfile", "--address", `127.0.0.1:${admin}`];
    const reloaded = spawn(CADDY, args, { stdio: "ignore" });
    assertEquals(await new Promise((resolve) => reloaded.on("exit", resolve)), 0);
    while (!generations.has(String(generation))) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  going = false;
  await asking;
  assertEquals(statuses, new Set<number>([HttpStatus.OK]));
  assertEquals(generations.size, 4);
  say("Caddy: reloaded three times under load, and no request failed");
}

try {
  await withNghttpd();
  await withCaddy();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
