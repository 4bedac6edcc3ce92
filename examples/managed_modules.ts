/**
 * Two parts of one program use the same PKCS#11 module without knowing of each other: each loads it, opens sessions, logs
 * in and closes it, and neither disturbs the other.
 *
 *     deno run -A examples/managed_modules.ts /usr/lib/softhsm/libsofthsm2.so
 *     bun examples/managed_modules.ts /usr/lib/softhsm/libsofthsm2.so
 *
 * The module needs a token with the user PIN in `GP11_PIN` (1234 by default).
 */
import process from "node:process";
import {
  CKF,
  CKM,
  findByUri,
  loadModules,
  Module,
  registerPinSource,
  type Slot,
  trustAnchors,
} from "../session/mod.ts";

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const path = process.argv[2] ?? process.env.PKCS11_MODULE;
if (path === undefined) {
  print("Usage: managed_modules.ts PATH-OF-A-PKCS11-MODULE");
  process.exit(2);
}
const pin = process.env.GP11_PIN ?? "1234";

async function tokenOf(module: Module): Promise<Slot> {
  for (const slot of await module.slots({ tokenPresent: true })) {
    if (await slot.hasFlags(CKF.USER_PIN_INITIALIZED)) return slot;
  }
  throw new Error(`Cannot go on: no token of ${module.path} has a user PIN`);
}

print("Two callers, one module");
const calls: string[] = [];
const mail = await Module.load(path, { logCalls: { event: ({ fn, ckr }) => calls.push(`${fn} = ${ckr}`) } });
const backup = await Module.load(path);
print(`  both are managed by ${mail.managed}`);
const mailSession = await (await tokenOf(mail)).openSession({ login: { pin } });
const backupSession = await (await tokenOf(backup)).openSession({ login: { pin } });
print(`  mail has session ${mailSession.handle}, backup has session ${backupSession.handle}`);

await mail.closeAllSessions();
print(`  mail closes all its sessions; backup's is ${backupSession.closed ? "closed" : "open"}`);
await mail.close();
const digest = await backupSession.digest(CKM.SHA256, new TextEncoder().encode("still here"));
print(`  mail is closed; backup goes on and digests to ${digest.length} bytes`);
print(`  what mail called: ${calls.slice(0, 2).join(", ")} … ${calls.at(-1)}`);

print("Objects by URI");
{
  using _source = registerPinSource("example", () => pin);
  const { label } = await backupSession.slot.tokenInfo();
  const uri = `pkcs11:token=${encodeURIComponent(label)}?pin-source=example`;
  const template = { token: false, label: "session key", valueLen: 32 };
  await backupSession.generateKey(CKM.GENERIC_SECRET_KEY_GEN, template);
  let count = 0;
  for await (const object of findByUri(uri, { modules: [backup], read: ["label"] })) {
    print(`  ${object.attributes?.get("label") ?? "an object without a label"}`);
    count++;
  }
  print(`  ${count} objects on ${label}`);
}
await backup.close();

print("The machine's own configuration");
const problems: string[] = [];
const modules = await loadModules({ onError: ({ name }) => problems.push(name) });
for (const module of modules) print(`  ${module.name}: ${module.path}`);
for (const name of problems) print(`  ${name} cannot be used`);
await Promise.all(modules.map((module) => module.close()));
print(`  ${(await trustAnchors({ purpose: "serverAuth" })).length} certificates are trusted for web servers`);
