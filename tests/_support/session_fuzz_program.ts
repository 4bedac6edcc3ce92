// Calls of the PKCS#11 side in a random order, in a process of its own: `session_fuzz_program.ts MODULE LABEL PIN SEED STEPS`.
// Sessions are opened, closed, pooled, logged in and out and aborted at random moments, streams are read by half, signers
// stay open, keys vanish under others' hands, the module is closed while all of it runs, worker threads load it too.
// Prints one line of JSON: how many calls ended well, which documented errors came, and what must not come.
import process from "node:process";
import { Worker } from "node:worker_threads";
import { pseudoRandom } from "./pseudo_random.ts";
import type { Module as ModuleType } from "../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { SessionPool } from "../../session/tokens/shared_sessions.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import * as gp11 from "../../session/mod.ts";

const { CKM, CKR, CKS, CKU, Module } = gp11;
const [path, label, pin, seed, steps] = process.argv.slice(2) as [string, string, string, string, string];
const random = pseudoRandom(Number(seed));
const chance = (percent: number): boolean => random(100) < percent;
const pick = <T>(list: readonly T[]): T | undefined => list[random(list.length)];

const AES = { kty: "oct", alg: "A128CBC", k: "AAAAAAAAAAAAAAAAAAAAAA" };
const EC = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
  d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
};
const cbc = { type: CKM.AES_CBC_PAD, parameter: new Uint8Array(16) };

/** Errors that are part of the API. */
const DOCUMENTED = new Set([
  "Pkcs11Error",
  "SessionBusyError",
  "SessionClosedError",
  "ObjectNotFoundError",
  "ObjectAmbiguousError",
  "SlotNotFoundError",
  "SlotAmbiguousError",
  "ModuleLoadError",
  "AbortError",
  "TimeoutError",
]);

const outcomes: Record<string, number> = {};
const unexpected: string[] = [];
const running = new Set<Promise<unknown>>();
const shown = new Set<string>();

function count(outcome: string): void {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}

function failed(name: string, error: unknown): void {
  const kind = error instanceof Error ? error.name : typeof error;
  count(kind === "Pkcs11Error" ? (error as gp11.Pkcs11Error).name + " " + (error as gp11.Pkcs11Error).code : kind);
  const isDocumented = DOCUMENTED.has(kind) || (error instanceof TypeError && /^Cannot /.test(error.message));
  if (!isDocumented && !shown.has(name + kind)) {
    shown.add(name + kind);
    unexpected.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

/** Makes a call that is not waited for. */
function go(name: string, call: () => unknown): void {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    failed(name, error);
    return;
  }
  if (!(result instanceof Promise)) return count("done");
  const settled = result.then(() => count("done"), (error) => failed(name, error)).finally(() =>
    running.delete(settled)
  );
  running.add(settled);
}

/** Options with a signal that is aborted at a random moment, or none. */
function options(): { signal?: AbortSignal } {
  if (!chance(25)) return {};
  const controller = new AbortController();
  const turns = random(6);
  if (turns === 0) controller.abort();
  else if (turns < 4) {
    let left = turns;
    const next = (): unknown => --left > 0 ? queueMicrotask(next) : controller.abort();
    queueMicrotask(next);
  } else setTimeout(() => controller.abort(), random(4));
  return { signal: controller.signal };
}

interface World {
  module: ModuleType;
  slot: Slot;
  sessions: Session[];
  pools: SessionPool[];
  keys: Pkcs11Object[];
}

const MODES = ["auto", "p11-kit", "gp11", false] as const;
const worlds: World[] = [];

/** Sessions that a caller has opened and not closed, as the log of his calls tells. */
const opened = new Set<string>();
let callers = 0;

/** Watches what a caller opens and closes. */
function watch(): gp11.LogCallsOptions {
  const caller = ++callers;
  const handleOf = (values: readonly gp11.LoggedArgument[]): string =>
    `${caller} ${values.find(({ name }) => /^p?hSession$/.test(name))?.value.match(/S\d+$/)}`;
  return {
    event({ fn, code, input, output }) {
      if (fn === "C_OpenSession" && code === CKR.OK) opened.add(handleOf(output));
      if (fn === "C_CloseSession") opened.delete(handleOf(input));
    },
  };
}

async function load(): Promise<void> {
  const managed = pick(MODES)!;
  // What a guest has open ends with its owner, without a call.
  const module = await Module.load(path, { managed, logCalls: managed !== false && chance(50) ? watch() : false });
  const slot = await module.findSlot(label);
  module.poolSessions = chance(40);
  worlds.push({ module, slot, sessions: [], pools: [], keys: [] });
}

function keep(world: World, key: Pkcs11Object): void {
  world.keys.push(key);
  if (world.keys.length > 12) world.keys.shift();
}

async function* halves(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < 4; at++) {
    yield new Uint8Array(16 + random(64));
    if (chance(5)) throw new TypeError("Cannot go on: the source has broken");
  }
}

const actions: Record<string, (world: World, session: Session | undefined, key: Pkcs11Object | undefined) => unknown> =
  {
    open: async (world) => {
      const login = chance(50) ? { pin: chance(20) ? () => Promise.resolve(pin) : pin } : undefined;
      world.sessions.push(await world.slot.openSession({ readWrite: chance(60), login, ...options() }));
    },
    openSync: (world) => world.sessions.push(world.slot.openSessionSync({ readWrite: true })),
    close: (_world, session) => session?.close(),
    closeSync: (_world, session) => session?.closeSync(),
    login: (_world, session) => session?.login(CKU.USER, pin, options()),
    loginAsked: (_world, session) =>
      session?.login(CKU.USER, async () => {
        if (chance(20)) await session.close();
        if (chance(20)) await session.findObjects();
        return chance(20) ? null : pin;
      }, options()),
    logout: (_world, session) => session?.logout(options()),
    importKey: async (world, session) => {
      if (session) keep(world, await session.importKey(chance(50) ? AES : EC, { label: "fuzz" }, options()));
    },
    importKeySync: (world, session) => session && keep(world, session.importKeySync(AES)),
    importPair: async (world, session) => {
      if (session) keep(world, (await session.importKeyPair(EC, {}, {}, options())).privateKey);
    },
    generate: async (world, session) => {
      if (!session) return;
      const attributes = { token: false, valueLen: 16, encrypt: true, decrypt: true };
      keep(world, await session.generateKey(CKM.AES_KEY_GEN, attributes, options()));
    },
    destroy: (_world, _session, key) => key?.destroy(options()),
    find: (_world, session) => session?.findObjects({}, { read: ["label", "class"], ...options() }),
    walk: async (_world, session) => {
      if (session) { for await (const _ of session.objects({}, options())) if (chance(50)) break; }
    },
    read: (_world, _session, key) => key?.get(["label", "class", "value"], options()),
    publicKey: (_world, _session, key) => key?.publicKey("spki", options()),
    exportKey: (_world, _session, key) => key?.exportKey("pkcs8", options()),
    encrypt: (_world, session, key) => key && session?.encrypt(key, cbc, new Uint8Array(40), options()),
    encryptSync: (_world, session, key) => key && session?.encryptSync(key, cbc, new Uint8Array(40)),
    encryptMany: (_world, session, key) =>
      key && session?.encryptMany(key, cbc, [new Uint8Array(40), new Uint8Array(4)], options()),
    sign: (_world, session, key) => key && session?.sign(key, CKM.ECDSA_SHA256, new Uint8Array(40), options()),
    digest: (_world, session) => session?.digest(CKM.SHA256, new Uint8Array(random(100_000)), options()),
    parts: async (_world, session, key) => {
      if (!session || !key) return;
      const encryptor = session.encryptor(key, cbc);
      await encryptor.update(new Uint8Array(20));
      if (chance(50)) await encryptor.final();
    },
    digester: async (_world, session) => {
      const digester = session?.digester(CKM.SHA256);
      await digester?.update(new Uint8Array(20), options());
    },
    stream: async (_world, session, key) => {
      if (!session || !key) return;
      const source = ReadableStream.from(halves()) as ReadableStream<Uint8Array<ArrayBuffer>>;
      const reader = source.pipeThrough(session.encryptStream(key, cbc)).getReader();
      for (let at = random(3); at >= 0; at--) await reader.read();
      if (chance(60)) await reader.cancel();
    },
    cancelOperation: (_world, session) => session?.cancelOperation(),
    pool: (world) => {
      const login = chance(70) ? { pin } : undefined;
      world.pools.push(world.slot.sessionPool({ max: 1 + random(3), readWrite: chance(50), login, maxIdleMs: 20 }));
    },
    use: (world, _session, key) =>
      pick(world.pools)?.use(async (session) => {
        if (chance(10)) await session.close();
        if (chance(10)) session.digester(CKM.SHA256);
        if (chance(20)) keep(world, await session.importKey(AES));
        if (key) await session.sign(key, CKM.ECDSA_SHA256, new Uint8Array(8));
      }, options()),
    closePool: (world) => pick(world.pools)?.close(),
    signer: async (world, _session, key) => {
      if (!key) return;
      const signer = await gp11.tokenSigner(key, { sessions: pick(world.pools), ...options() });
      await signer.sign(new Uint8Array(10), options());
    },
    certificate: async (_world, session) => {
      if (!session) return;
      const pair = await session.importKeyPair(EC);
      const pem = await gp11.createSelfSignedCertificate(pair, { subject: "CN=fuzz", ...options() });
      await session.importCertificate(pem, {}, options());
    },
    watch: async (world) => {
      for await (const _ of world.module.watchTokens(options())) break;
    },
    closeAll: (world) => world.module.closeAllSessions(world.slot),
    poolSessions: (world) => world.module.poolSessions = chance(50),
    closeModule: (world) => world.module.close(),
    closeModuleSync: (world) => world.module.closeSync(),
    load: () => load(),
  };

const RARE = new Set(["closeAll", "closeModule", "closeModuleSync", "load", "pool", "closePool", "certificate"]);

/** A thread of the user's own that loads the module as well, with a share or without. */
function thread(world: World): Promise<void> {
  const share = chance(50) ? world.module.share() : undefined;
  const program = `
    const { parentPort, workerData } = require("node:worker_threads");
    (async () => {
      const { Module } = await import(workerData.root);
      const module = await Module.load(workerData.path, workerData.share ? { share: workerData.share } : {});
      const session = await (await module.findSlot(workerData.label)).openSession({ login: { pin: workerData.pin } });
      for (let at = 0; at < 20; at++) await session.digest(0x250, new Uint8Array(1000));
      if (workerData.closes) await module.close();
      parentPort.postMessage("done");
    })().catch((error) => parentPort.postMessage(error.name + ": " + error.message));
  `;
  const root = new URL("../../session/mod.ts", import.meta.url).href;
  const worker = new Worker(program, { eval: true, workerData: { root, path, share, label, pin, closes: chance(70) } });
  const isTerminated = chance(30);
  return new Promise((resolve) => {
    const end = async (message: string): Promise<void> => {
      await worker.terminate();
      count(`thread ${message}`);
      resolve();
    };
    worker.on("message", (message: string) => void end(message));
    worker.on("error", (error) => void end(String(error)));
    if (isTerminated) setTimeout(() => void end("terminated"), random(300));
  });
}

await load();
const names = Object.keys(actions);
for (let step = 0; step < Number(steps); step++) {
  const world = pick(worlds)!;
  const name = pick(names)!;
  if (RARE.has(name) && !chance(15)) continue;
  go(name, () => actions[name]!(world, pick(world.sessions), pick(world.keys)));
  if (chance(1)) go("thread", () => thread(world));
  if (world.sessions.length > 8) world.sessions.shift();
  if (world.module.closed && worlds.length > 1 && chance(20)) worlds.splice(worlds.indexOf(world), 1);
  if (world.module.closed && worlds.length === 1) go("load", load);
  if (chance(30)) await new Promise((resolve) => setTimeout(resolve, random(3)));
}
const deadline = setTimeout(() => {
  process.stdout.write(JSON.stringify({ outcomes, unexpected: [...unexpected, `${running.size} calls never end`] }));
  process.exit(1);
}, 240_000);
for (const world of worlds) for (const pool of world.pools) go("closePool", () => pool.close());
for (const world of worlds) go("closeModule", () => world.module.close());
while (running.size > 0) await Promise.all(running);
for (const world of worlds) if (!world.module.closed) await world.module.close();
clearTimeout(deadline);
for (const session of opened) unexpected.push(`session ${session} was left open`);

// A fresh caller finds the token as it should be: nobody logged in, nothing left, and it works.
await using module = await Module.load(path, { managed: false });
const slot = await module.findSlot(label);
let session = await slot.openSession({ readWrite: true });
let { state } = await session.getInfo();
// A thread that was terminated takes its time: as long as it lives its login is one.
for (let look = 0; state !== CKS.RW_PUBLIC_SESSION && look < 1000; look++) {
  await session.close();
  await new Promise((resolve) => setTimeout(resolve, 10));
  session = await slot.openSession({ readWrite: true });
  state = (await session.getInfo()).state;
}
await session.login(CKU.USER, pin);
const left = (await session.findObjects()).length;
const key = await session.importKey(AES);
await session.encrypt(key, cbc, new Uint8Array(5));
process.stdout.write(JSON.stringify({ outcomes, unexpected, state, left }));
