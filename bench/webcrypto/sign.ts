// What subtle.sign over a token costs beyond session.sign, and what the same call of node-webcrypto-p11 costs where its
// addon was built: in one process, the first two in turns; runs on Deno, Bun and Node.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import process from "node:process";
import { CKM, Module } from "../../session/mod.ts";
import { tokenCrypto } from "../../webcrypto/mod.ts";
import { data32, report, setting } from "../pkcs11/rows.ts";

/** Calls of a turn; turns before the first that counts, when compilers are done with both; turns that count at least. */
const CALLS = 50;
const WARM_UP = 60;
const LEAST = 20;
const { module: path, label, pin, seconds } = setting();
const module = await Module.load(path, { managed: false });
const slot = await module.findSlot(label);
const session = await slot.openSession({ login: { pin } });
const crypto = await tokenCrypto(slot, { pin, sessions: 1 });
const { subtle } = crypto;

const { privateKey } = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
const hmac = await subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
const ecdsa = { name: "ECDSA", hash: "SHA-256" };
const digest = () => new Uint8Array(createHash("sha256").update(data32).digest());

/** What the peer's rows need of its API. */
interface PeerCrypto {
  readonly subtle: SubtleCrypto;
  close(): void;
}

/** node-webcrypto-p11 over a module of its own; null where its addon is missing, or does not run on this runtime. */
function peerCrypto(): PeerCrypto | null {
  const { PEER_MODULE, PKCS11JS_FOLDER } = process.env;
  if (!PEER_MODULE || !PKCS11JS_FOLDER) return null;
  try {
    const { Crypto } = createRequire(`${PKCS11JS_FOLDER}/`)("node-webcrypto-p11");
    return new Crypto({ library: PEER_MODULE, name: "bench", slot: 0, readWrite: true, pin });
  } catch (error) {
    process.stderr.write(`node-webcrypto-p11 is left out: ${error}\n`);
    return null;
  }
}

type Call = () => Promise<unknown>;

const peer = peerCrypto();
const peerEc = await peer?.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
const peerHmac = await peer?.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);

/** Each row: the call through the door, what it stands for, and the peer's. */
const rows: Record<string, readonly [door: Call, plain: Call, peer: Call | null]> = {
  "ECDSA P-256": [
    () => subtle.sign(ecdsa, privateKey, data32),
    () => session.sign(privateKey.object, CKM.ECDSA, digest()),
    peer && (() => peer.subtle.sign(ecdsa, peerEc!.privateKey, data32)),
  ],
  "HMAC-SHA256 32 B": [
    () => subtle.sign("HMAC", hmac, data32),
    () => session.sign(hmac.object, CKM.SHA256_HMAC, data32),
    peer && (() => peer.subtle.sign("HMAC", peerHmac!, data32)),
  ],
};

/** Microseconds for a call, one after another. */
async function time(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let each = 0; each < CALLS; each++) await call();
  return (performance.now() - start) / CALLS * 1000;
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const times: Record<string, number> = {};
for (const [name, [door, plain, other]] of Object.entries(rows)) {
  const both: [number, number][] = [];
  for (let turn = 0; turn < WARM_UP; turn++) await time(turn % 2 === 0 ? door : plain);
  for (const end = performance.now() + seconds * 1000; performance.now() < end || both.length < LEAST;) {
    both.push([await time(door), await time(plain)]);
  }
  times[`${name}, session.sign`] = middle(both.map(([, plain]) => plain));
  times[`${name}, subtle.sign beyond it`] = middle(both.map(([door, plain]) => door - plain));
  if (other === null) continue;
  // Not in turns with the two: what it leaves behind would be paid by whichever comes next.
  for (let turn = 0; turn < WARM_UP; turn++) await time(other);
  const others: number[] = [];
  while (others.length < LEAST) others.push(await time(other));
  times[`${name}, subtle.sign of node-webcrypto-p11`] = middle(others);
}
report(times);
peer?.close();
await crypto.close();
await module.close();
