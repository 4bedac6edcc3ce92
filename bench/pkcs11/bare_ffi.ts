// The least that a call takes on this runtime: the module's functions as the runtime binds them, called by hand with the
// same copies in and out, small ones overwritten afterwards, as a library must that leaves no secret in memory, and nothing
// checked but that the calls succeed. A process without threads, as C's loop is, has cheaper locks. Runs on Deno, Bun and Node.
import { Worker } from "node:worker_threads";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { CKM } from "../../session/mod.ts";
import { BARE, type BareCalls } from "./bare_calls.ts";
import { bareFind, type Bound, succeed } from "./bare_find.ts";
import { ownSession } from "./own_session.ts";
import { data1k, data1m, data32, iv, rate, rateAsync, report, setting } from "./rows.ts";

const given = setting();
const { module: path, seconds } = given;
const { slot, session, keys } = await ownSession(given);

const runtime = nativeRuntime();
const library = runtime.open(path);
const bound = (name: string, arity: number): Bound => library.bind(name, arity, "u32") as Bound;
const sessionInfo = bound("C_GetSessionInfo", 2);
const [digestInit, digest] = [bound("C_DigestInit", 2), bound("C_Digest", 5)];
const [signInit, sign] = [bound("C_SignInit", 3), bound("C_Sign", 5)];
const [encryptInit, encrypt] = [bound("C_EncryptInit", 3), bound("C_Encrypt", 5)];

/** The memory of the calls: a mechanism, a length, its parameter, the data and the result. */
const memory = new Uint8Array(new ArrayBuffer(2 * data1m.length + 4096));
const words = new BigUint64Array(memory.buffer, 0, 512);
const base = BigInt(runtime.address(memory));
const [PARAMETER, INPUT] = [64, 128];
/** Up to this size what was copied is overwritten; nobody who can help it copies more. */
const SMALL = 0x10000;
/** Memory of one call of several at once: a mechanism, a length, the data in the parameter's place, the result. */
const PLACE = 512;
const [mechanism, written, input] = [base, base + 24n, base + BigInt(INPUT)];
const into = new Uint8Array(data1m.length + 16);
const handle = session.handle;

/** Where the result of a call begins. */
let output = INPUT;

/** Makes both calls on data; the length of the result is in `words`. */
function both(
  init: Bound,
  once: Bound,
  type: number,
  key: bigint | null,
  data: Uint8Array,
  parameter?: Uint8Array,
): void {
  output = INPUT + data.length + 15 & -16;
  memory.set(data, INPUT);
  if (parameter !== undefined) memory.set(parameter, PARAMETER);
  words[0] = BigInt(type);
  words[1] = parameter === undefined ? 0n : base + BigInt(PARAMETER);
  words[2] = parameter === undefined ? 0n : BigInt(parameter.length);
  words[3] = BigInt(data.length + 1024);
  succeed(key === null ? init(handle, mechanism) : init(handle, mechanism, key));
  succeed(once(handle, input, BigInt(data.length), base + BigInt(output), written));
}

/** The end of the result; the memory up to there is overwritten when it was read. */
const end = (): number => output + Number(words[3]);
const overwrite = (length: number): void => {
  if (length <= SMALL) memory.fill(0, 0, length);
};
const fresh = (): Uint8Array => {
  const last = end();
  const result = memory.slice(output, last);
  overwrite(last);
  return result;
};
const kept = (): void => {
  const last = end();
  into.set(memory.subarray(output, last));
  overwrite(last);
};
const calls: Record<string, () => void> = {
  "digest 32 B": () => both(digestInit, digest, CKM.SHA256, null, data32),
  "HMAC-SHA256 32 B": () => both(signInit, sign, CKM.SHA256_HMAC, keys.hmac.handle, data32),
  "AES-CBC-PAD 1 KiB": () => both(encryptInit, encrypt, CKM.AES_CBC_PAD, keys.aes.handle, data1k, iv),
  "ECDSA P-256": () => both(signInit, sign, CKM.ECDSA, keys.ec.handle, data32),
  "RSA-2048": () => both(signInit, sign, CKM.SHA256_RSA_PKCS, keys.rsa.handle, data32),
  "AES-CBC-PAD 1 MiB": () => both(encryptInit, encrypt, CKM.AES_CBC_PAD, keys.aes.handle, data1m, iv),
};
const info = () => {
  succeed(sessionInfo(handle, input));
  const view = new DataView(memory.buffer, INPUT);
  const ulong = (index: number) => Number(view.getBigUint64(8 * index, true));
  return { slotId: ulong(0), state: ulong(1), flags: ulong(2), deviceError: ulong(3) };
};
const rates: Record<string, number> = {
  "session info": rate(seconds, info),
  "find 1000, read 3": rate(seconds, bareFind(runtime, bound, handle)),
};
for (const [name, call] of Object.entries(calls)) {
  rates[name] = rate(seconds, () => {
    call();
    fresh();
  });
  if (name.startsWith("ECDSA") || name.startsWith("RSA")) continue;
  rates[`${name}, into`] = rate(seconds, () => {
    call();
    kept();
  });
}
/** As many calls at once as there are sessions, all on one thread: two changes of thread and a message for all of them. */
async function atOnce(sessions: readonly bigint[]): Promise<number> {
  const numbers = new Int32Array(new SharedArrayBuffer(4 * (BARE.places + sessions.length)));
  const places = sessions.map((_, index) => index * PLACE);
  const calls = sessions.map((session, index) => {
    const at = base + BigInt(places[index]!);
    const sign = [session, at + BigInt(PARAMETER), BigInt(data32.length), at + BigInt(INPUT), at + 24n];
    return { init: [session, at, keys.hmac.handle], sign };
  });
  for (const place of places) words.set([BigInt(CKM.SHA256_HMAC), 0n, 0n], place / 8);
  const workerData: BareCalls = { path, calls, shared: numbers.buffer };
  const worker = new Worker(new URL("bare_worker.ts", import.meta.url), { workerData });
  await new Promise((resolve) => worker.once("message", resolve));
  worker.on("error", (error) => {
    throw error;
  });
  const answer: (() => void)[] = [];
  let asked = 0;
  let read = 0;
  let told = true;
  worker.on("message", () => {
    const made = Atomics.load(numbers, BARE.made);
    for (; read !== made; read++) answer[numbers[BARE.places + read % sessions.length]!]!();
  });
  const tell = (): void => {
    told = true;
    Atomics.store(numbers, BARE.asked, asked);
    Atomics.notify(numbers, BARE.asked);
  };
  const measured = await rateAsync(
    seconds,
    places.map((place, index) => async () => {
      memory.set(data32, place + PARAMETER);
      words[place / 8 + 3] = BigInt(PLACE - INPUT);
      numbers[BARE.places + asked++ % sessions.length] = index;
      if (told) queueMicrotask(tell);
      told = false;
      await new Promise<void>((resolve) => answer[index] = resolve);
      memory.slice(place + INPUT, place + INPUT + Number(words[place / 8 + 3]));
    }),
  );
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  numbers[BARE.ended] = 1;
  asked++;
  tell();
  await ended;
  return measured;
}

const eight = [session, ...Array.from({ length: 7 }, () => slot.openSessionSync())].map(({ handle }) => handle);
rates["HMAC-SHA256 32 B, async, 1 session"] = await atOnce(eight.slice(0, 1));
rates["HMAC-SHA256 32 B, async, 8 sessions"] = await atOnce(eight);
report(rates);
await slot.module.close();
