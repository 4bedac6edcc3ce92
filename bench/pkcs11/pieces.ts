// Nanoseconds of processor that small calls take, by hand and with this library, in turns within one process and beside as
// many objects as in the other tables. Runs on Deno, Bun and Node.
import process from "node:process";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { aesCbc, CKM } from "../../session/mod.ts";
import { type Bound, succeed } from "./bare_find.ts";
import { ownSession } from "./own_session.ts";
import { data1k, data32, iv, report, setting } from "./rows.ts";

/** What a turn takes, in µs, and how many of them are made. */
const TURN = 12_000;
const TURNS = 21;
/** Calls before anything counts: compilers are through then. */
const WARM_UP = 40_000;

const given = setting();
const { slot, session, keys } = await ownSession(given);

const runtime = nativeRuntime();
const library = runtime.open(given.module);
const bound = (name: string, arity: number): Bound => library.bind(name, arity, "u32") as Bound;
const memory = new Uint8Array(new ArrayBuffer(0x2000));
const words = new BigUint64Array(memory.buffer, 0, 4);
const [base, handle] = [BigInt(runtime.address(memory)), session.handle];
const [PARAMETER, INPUT, OUTPUT] = [64, 128, 0x1000];
const into = new Uint8Array(0x1000);
memory.set(iv, PARAMETER);

/** Both calls on data, and the result copied into kept memory. */
function byHand(
  init: Bound,
  once: Bound,
  type: number,
  key: bigint | null,
  data: Uint8Array,
  hasIv = false,
): () => void {
  const [mechanism, parameter, parameterLength] = [
    BigInt(type),
    hasIv ? base + BigInt(PARAMETER) : 0n,
    hasIv ? 16n : 0n,
  ];
  const [length, room] = [BigInt(data.length), BigInt(data.length + 1024)];
  const [input, output, written] = [base + BigInt(INPUT), base + BigInt(OUTPUT), base + 24n];
  return () => {
    memory.set(data, INPUT);
    words[0] = mechanism;
    words[1] = parameter;
    words[2] = parameterLength;
    words[3] = room;
    succeed(key === null ? init(handle, base) : init(handle, base, key));
    succeed(once(handle, input, length, output, written));
    into.set(memory.subarray(OUTPUT, OUTPUT + Number(words[3])));
  };
}

const [digestInit, digest] = [bound("C_DigestInit", 2), bound("C_Digest", 5)];
const [signInit, sign] = [bound("C_SignInit", 3), bound("C_Sign", 5)];
const [encryptInit, encrypt] = [bound("C_EncryptInit", 3), bound("C_Encrypt", 5)];
const cbc = aesCbc({ iv });
const calls: Record<string, { hand: () => void; own: () => void }> = {
  "digest 32 B": {
    hand: byHand(digestInit, digest, CKM.SHA256, null, data32),
    own: () => session.digestSync(CKM.SHA256, data32, { into }),
  },
  "HMAC-SHA256 32 B": {
    hand: byHand(signInit, sign, CKM.SHA256_HMAC, keys.hmac.handle, data32),
    own: () => session.signSync(keys.hmac, CKM.SHA256_HMAC, data32, { into }),
  },
  "AES-CBC-PAD 1 KiB": {
    hand: byHand(encryptInit, encrypt, CKM.AES_CBC_PAD, keys.aes.handle, data1k, true),
    own: () => session.encryptSync(keys.aes, cbc, data1k, { into }),
  },
};

/** Microseconds of processor that so many calls take. */
function worked(call: () => void, count: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) call();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
const results: Record<string, number> = {};
for (const [name, { hand, own }] of Object.entries(calls)) {
  for (let i = 0; i < WARM_UP; i += 1000) for (const call of [hand, own]) worked(call, 1000);
  const count = Math.ceil(TURN * 4000 / worked(own, 4000));
  const times: [hand: number, own: number][] = [];
  for (let turn = 0; turn < TURNS; turn++) times.push([worked(hand, count), worked(own, count)]);
  results[`${name}, hand`] = middle(times.map(([time]) => time)) / count * 1000;
  results[`${name}, own`] = middle(times.map(([, time]) => time)) / count * 1000;
}
report(results);
await slot.module.close();
