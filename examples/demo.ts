// deno-lint-ignore-file no-console
/**
 * The main job: opens a real token, makes keys in it, signs and verifies in place and on worker threads, encrypts a
 * stream, sends requests that the token signs to a server that verifies them, shows a server a client certificate whose
 * key stays in the token, and tells how fast it was and how long the event loop was ever held up.
 *
 *     PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so deno run -A examples/demo.ts
 *
 * It needs a slot with a token that has not been initialised yet, as SoftHSM2 always has one.
 */
import { aesCbc, CKF, CKM, ckmName, CKU, Module, type Pkcs11KeyPair, type Session, type Slot } from "@gp11/gp11";
import { HttpSession, MessageSignatureError, MessageSignatures, tokenSigner, verifyMessage } from "@gp11/gp11";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { showTls } from "./demo_tls.ts";

const SO_PIN = "12345678";
const USER_PIN = "1234";
const PARALLEL = 200;
const REQUESTS = 100;
const STREAM_BYTES = 8 * 1024 * 1024;
const P256 = Uint8Array.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);

const interactive = process.stdout.isTTY === true;

function title(text: string): void {
  console.log(`\n${interactive ? `\x1b[1m${text}\x1b[0m` : text}`);
}

function line(name: string, value: string): void {
  console.log(`  ${name.padEnd(26)} ${value}`);
}

function perSecond(count: number, milliseconds: number): string {
  return `${Math.round(count / milliseconds * 1000).toLocaleString("en-US")} per second`;
}

/** Watches how late a timer fires: what holds up the event loop shows here. */
class StallWatch {
  #longest = 0;
  #last = performance.now();
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#last - 2);
    this.#last = now;
  }, 2);

  stop(): number {
    clearInterval(this.#timer);
    return this.#longest;
  }
}

let verified = 0;
let failed = 0;

function count(results: readonly boolean[]): void {
  for (const result of results) result ? verified++ : failed++;
}

async function describe(module: Module): Promise<void> {
  const info = await module.info();
  title("Module");
  line("library", `${info.libraryDescription} ${info.libraryVersion.major}.${info.libraryVersion.minor}`);
  line("made by", info.manufacturerId);
  line("callers counted by", module.managed === false ? "nobody" : module.managed);
  line("Cryptoki", `${module.interfaceVersion}, ${module.functions().length} functions`);
}

async function makeToken(module: Module): Promise<Slot> {
  for (const slot of await module.slots({ tokenPresent: true })) {
    if (await slot.hasFlags(CKF.TOKEN_INITIALIZED)) continue;
    await slot.initToken(SO_PIN, "gp11 demo");
    break;
  }
  // SoftHSM2 gives a token another slot number once it is initialised.
  for (const slot of await module.slots({ tokenPresent: true })) {
    if ((await slot.tokenInfo()).label !== "gp11 demo") continue;
    await using session = await slot.openSession({ readWrite: true, login: { userType: CKU.SO, pin: SO_PIN } });
    await session.initPin(USER_PIN);
    await session.logout();
    return slot;
  }
  throw new Error("Cannot make a token: the module has no slot with a token that is not initialised");
}

async function listSlots(module: Module): Promise<void> {
  title("Slots");
  for (const slot of await module.slots()) {
    const token = await slot.tokenInfo();
    const mechanisms = await slot.mechanisms();
    line(`slot ${slot.id}`, token.label === "" ? "not initialised" : `"${token.label}", ${token.model}`);
    line("", `${mechanisms.length} mechanisms, such as ${mechanisms.slice(0, 3).map(ckmName).join(", ")}`);
  }
}

async function generate(session: Session): Promise<{ ec: Pkcs11KeyPair; rsa: Pkcs11KeyPair }> {
  title("Keys made in the token");
  let started = performance.now();
  const ec = await session.generateKeyPair(
    CKM.EC_KEY_PAIR_GEN,
    { ecParams: P256, token: true, verify: true, label: "demo P-256" },
    { token: true, private: true, sensitive: true, extractable: false, sign: true, label: "demo P-256" },
  );
  line("P-256", `${(performance.now() - started).toFixed(0)} ms`);
  started = performance.now();
  const rsa = await session.generateKeyPair(
    CKM.RSA_PKCS_KEY_PAIR_GEN,
    { modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1), token: true, verify: true, label: "demo RSA" },
    { token: true, private: true, sensitive: true, extractable: false, sign: true, label: "demo RSA" },
  );
  line("RSA-2048", `${(performance.now() - started).toFixed(0)} ms`);
  line("where they are", await ec.privateKey.uri());
  return { ec, rsa };
}

/** Signs in place and many times in parallel, and verifies every signature. */
async function signAndVerify(
  slot: Slot,
  session: Session,
  name: string,
  keys: Pkcs11KeyPair,
  mechanism: number,
  data: Uint8Array<ArrayBuffer>,
): Promise<void> {
  title(name);
  const inPlace = 50;
  let started = performance.now();
  for (let i = 0; i < inPlace; i++) {
    const signature = session.signSync(keys.privateKey, mechanism, data);
    count([session.verifySync(keys.publicKey, mechanism, data, signature)]);
  }
  line("in place", `${perSecond(2 * inPlace, performance.now() - started)}, signatures and verifications`);

  const helpers = await Promise.all([slot.openSession(), slot.openSession()]);
  const stalls = new StallWatch();
  let done = 0;
  started = performance.now();
  const results = await Promise.all(Array.from({ length: PARALLEL }, async (_, i) => {
    const helper = helpers[i % helpers.length]!;
    const signature = await helper.sign(keys.privateKey, mechanism, data);
    const right = await helper.verify(keys.publicKey, mechanism, data, signature);
    done++;
    if (interactive) process.stdout.write(`\r  ${done} of ${PARALLEL} signed and verified `);
    return right;
  }));
  const took = performance.now() - started;
  if (interactive) process.stdout.write("\r\x1b[K");
  count(results);
  line("on worker threads", `${perSecond(2 * PARALLEL, took)}, ${PARALLEL} in parallel on ${helpers.length} sessions`);
  line("longest stall of the loop", `${stalls.stop().toFixed(1)} ms`);
  await Promise.all(helpers.map((helper) => helper.close()));
}

/** Somebody else in this process uses the same module: what each of them closes is its own. */
async function twoCallers(path: string, slot: Slot): Promise<void> {
  title("Two callers on one module");
  const other = await Module.load(path);
  const theirs = (await other.slots()).find((each) => each.id === slot.id)!;
  const session = await theirs.openSession();
  line("counted by", other.managed === false ? "nobody" : other.managed);
  await other.close();
  line("the other closed", `its session is ${session.closed ? "closed" : "open"}`);
  const alive = (await slot.tokenInfo()).label === "gp11 demo";
  line("ours goes on", alive ? "yes" : "no");
  count([alive]);
}

async function encryptStream(session: Session): Promise<void> {
  title("A stream through AES-256-CBC");
  const key = await session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, token: false, encrypt: true, decrypt: true });
  const mechanism = aesCbc({ iv: await session.generateRandom(16) });
  const plain = crypto.getRandomValues(new Uint8Array(0x10000));
  const chunks = STREAM_BYTES / plain.length;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent++ < chunks) controller.enqueue(plain);
      else controller.close();
    },
  });
  let sent = 0;
  const stalls = new StallWatch();
  const started = performance.now();
  const parts: Uint8Array[] = [];
  for await (const part of source.pipeThrough(session.encryptStream(key, mechanism))) parts.push(part);
  const took = performance.now() - started;
  const encrypted = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const decrypted = await session.decrypt(key, mechanism, encrypted);
  let same = decrypted.length === STREAM_BYTES;
  for (let i = 0; same && i < decrypted.length; i++) same = decrypted[i] === plain[i % plain.length];
  count([same]);
  line("encrypted", `${STREAM_BYTES / 1048576} MiB at ${(STREAM_BYTES / 1048.576 / took).toFixed(0)} MiB per second`);
  line("longest stall of the loop", `${stalls.stop().toFixed(1)} ms`);
  await key.destroy();
}

/** A server that knows a public key and nothing else of the token. */
async function verifyingServer(
  key: () => ReturnType<Awaited<ReturnType<typeof tokenSigner>>["publicJwk"]>,
): Promise<Server> {
  const server = createServer(async (request, response) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of request) pieces.push(piece);
    const content = new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    const url = `http://${request.headers.host}${request.url}`;
    const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
    try {
      const [signature] = await verifyMessage({ method: request.method!, url, headers }, { key, content });
      response.end(signature!.components.join(" "));
    } catch (error) {
      response.writeHead(error instanceof MessageSignatureError ? 401 : 500).end(String(error));
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Requests that the token signs (RFC 9421), through the queue of an HTTP session. */
async function signedRequests(slot: Slot, keys: Pkcs11KeyPair): Promise<void> {
  title("HTTP requests signed by the token");
  await using sessions = slot.sessionPool({ max: 2 });
  const signer = await tokenSigner(keys.privateKey, { publicKey: keys.publicKey, sessions });
  const server = await verifyingServer(() => signer.publicJwk());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await using http = new HttpSession({ maxConnsPerHost: 4, features: [new MessageSignatures({ signer })] });

  const began = performance.now();
  const life: string[] = [];
  const note = (event: string) => life.push(`${event} ${(performance.now() - began).toFixed(1)}`);
  const started = http.fetch(`${origin}/life`, {
    ...{ method: "POST", body: "one" },
    prepare(msg) {
      for (const event of ["wrote-headers", "wrote-body", "got-headers", "got-body"] as const) {
        msg.addEventListener(event, () => note(event));
      }
    },
  });
  http.addEventListener("request-started", () => note("signed"), { once: true });
  const first = await started;
  const covered = await first.text();
  line("life of one, in ms", life.join(", "));
  line("what it covers", covered.replaceAll('"', ""));
  count([first.status === 200]);

  const stalls = new StallWatch();
  const all = performance.now();
  const right = await Promise.all(Array.from({ length: REQUESTS }, async (_, index) => {
    const response = await http.fetch(`${origin}/${index}`, { method: "POST", body: String(index) });
    await response.text();
    return response.status === 200;
  }));
  const took = performance.now() - all;
  count(right);
  line("signed, sent, verified", `${perSecond(REQUESTS, took)}, ${REQUESTS} in parallel`);
  line("longest stall of the loop", `${stalls.stop().toFixed(1)} ms`);
  server.close();
}

async function main(): Promise<void> {
  const path = process.env["PKCS11_MODULE"];
  if (!path) throw new Error("Cannot run the demo: set PKCS11_MODULE to the path of a PKCS#11 module");
  await using module = await Module.load(path);
  await describe(module);
  const slot = await makeToken(module);
  await listSlots(module);
  await using session = await slot.openSession({ readWrite: true, login: { userType: CKU.USER, pin: USER_PIN } });
  const { ec, rsa } = await generate(session);
  const data = crypto.getRandomValues(new Uint8Array(32));
  await signAndVerify(slot, session, "ECDSA with P-256", ec, CKM.ECDSA, data);
  await signAndVerify(slot, session, "RSA-2048 with SHA-256", rsa, CKM.SHA256_RSA_PKCS, data);
  await encryptStream(session);
  await twoCallers(path, slot);
  await signedRequests(slot, ec);
  title("TLS with a client key in the token");
  const { lines, right } = await showTls(session);
  for (const [name, value] of lines) line(name, value);
  if (right !== null) count([right]);
  for (const key of [ec.publicKey, ec.privateKey, rsa.publicKey, rsa.privateKey]) await key.destroy();
  title("Result");
  line("verified", `${verified}`);
  line("failed", `${failed}`);
  line("objects left on the token", `${(await session.findObjects()).length}`);
}

await main();
if (failed > 0 || verified === 0) process.exitCode = 1;
