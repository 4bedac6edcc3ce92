// Asks for a URL while the operating system's token trusts its authority, and again when it no longer does; the runtime itself
// trusts it all the time. Prints what came back, by transport.
import { copyFileSync } from "node:fs";
import process from "node:process";
import { HttpMessage, HttpSession, Module, TlsDatabase, trustAnchors } from "../../mod.ts";

const [url = "", modulePath = "", folder = "", authority = ""] = process.argv.slice(2);
await using module = await Module.load(modulePath, { managed: "gp11", reserved: `paths=${folder}` });
const trusted = async () =>
  TlsDatabase.fromCertificates(await trustAnchors({ modules: [module], purpose: "serverAuth" }));

const names = ["auto", "node", "fetch"] as const;
const sessions = names.map((transport) => new HttpSession({ transport }));
const outcomes: Record<string, (number | string)[]> = {};
const askAll = async () => {
  for (const [index, session] of sessions.entries()) {
    const ended = session.sendMessage(new HttpMessage("GET", url)).catch((error: Error) => error.name);
    (outcomes[names[index]!] ??= [session.capabilities.pinnedRoots ? "pinned" : "added"]).push(await ended);
  }
};

for (const session of sessions) session.tlsDatabase = await trusted();
await askAll();
copyFileSync(authority, `${folder}/blocklist/distrusted.pem`);
for (const session of sessions) session.tlsDatabase = await trusted();
await askAll();
for (const session of sessions) await session.close();
process.stdout.write(JSON.stringify(outcomes));
