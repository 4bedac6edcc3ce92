// deno-lint-ignore-file no-console
// One key on three tokens, each served by another process; one is killed under load and comes back. PKCS11_MODULE names
// the module with the tokens "one", "two" and "three", PIN 1234: deno run -A examples/signed_requests/served_tokens.ts
// They are made by softhsm2-util --init-token --free --label one --pin 1234 --so-pin 12345678, and so on.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { loadModules, Module, type SignerGroup, signerGroup, tokenSigner } from "@gp11/gp11";

const labels = ["one", "two", "three"];
const login = { pin: "1234" };
{
  await using module = await Module.load(process.env.PKCS11_MODULE!);
  for (const label of labels) await module.findSlot(label); // throws for one that is missing
}
const folder = mkdtempSync(join(tmpdir(), "served-"));

/** On a machine of its own this would be `remote: |ssh host p11-kit remote …`. */
async function serve(label: string): Promise<ChildProcess> {
  const socket = join(folder, label);
  rmSync(socket, { force: true });
  const args = ["server", "-f", "-n", socket, "--provider", process.env.PKCS11_MODULE!, `pkcs11:token=${label}`];
  const env = { ...process.env, XDG_RUNTIME_DIR: folder };
  const server = spawn("p11-kit", args, { env, stdio: ["ignore", "pipe", "ignore"], detached: true });
  await once(server.stdout!, "data");
  return server;
}

/** The server and the processes that it has for its clients. */
async function kill(server: ChildProcess): Promise<void> {
  const gone = once(server, "exit");
  process.kill(-server.pid!, "SIGKILL");
  await gone;
}

async function signMany(group: SignerGroup, count: number): Promise<number> {
  const messages = Array.from({ length: count }, (_, index) => new TextEncoder().encode(`message ${index}`));
  const right = messages.map(async (message) =>
    await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, await group.sign(message), message)
  );
  return (await Promise.all(right)).filter(Boolean).length;
}

const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
const servers = await Promise.all(labels.map(serve));
mkdirSync(join(folder, "modules"));
for (const label of labels) {
  writeFileSync(join(folder, "modules", `${label}.module`), `remote: unix:path=${join(folder, label)}\n`);
}
const modules = await loadModules({ config: { systemModules: join(folder, "modules") }, critical: true });
const pools = [];
const signers = [];
for (const module of modules) {
  const [slot] = await module.slots({ tokenPresent: true });
  await using session = await slot!.openSession({ readWrite: true, login });
  const attributes = { label: "shared", id: Uint8Array.of(1), token: true };
  const { privateKey } = await session.importKeyPair(pair.privateKey, attributes, attributes);
  const sessions = slot!.sessionPool({ max: 2, login });
  pools.push(sessions);
  signers.push(await tokenSigner(privateKey, { sessions }));
}

const group = signerGroup(signers, { retryAfter: 50 });
group.addEventListener("member-out", () => console.log("a token has left"));
const back = once(group, "member-in");
const first = signMany(group, 100);
await kill(servers[1]!);
console.log(await first, "of 100 right while it is killed");
console.log(await signMany(group, 20), "of 20 right without it");
servers[1] = await serve(labels[1]!);
await back;
console.log("it is back:", await signMany(group, 20), "of 20 right");

for (const pool of pools) await pool.close();
for (const module of modules) await module.close();
for (const server of servers) await kill(server);
rmSync(folder, { recursive: true });
