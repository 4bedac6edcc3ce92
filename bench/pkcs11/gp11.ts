// This library's rows; runs on Deno, Bun and Node.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { aesCbc, CKM, CKO } from "../../session/mod.ts";
import { ownSession } from "./own_session.ts";
import { data1k, data1m, data32, iv, OBJECTS, rate, rateAsync, report, setting } from "./rows.ts";

const given = setting();
const { seconds } = given;
const { slot, session, keys } = await ownSession(given);

// Made once, as C and pkcs11js keep theirs.
const cbc = aesCbc({ iv });
const match = { class: CKO.DATA, application: "bench" };
const read = ["label", "application", "value"] as const;
const into = new Uint8Array(data1m.length + 16);
const rates: Record<string, number> = {
  "session info": rate(seconds, () => session.getInfoSync()),
  "digest 32 B": rate(seconds, () => session.digestSync(CKM.SHA256, data32)),
  "digest 32 B, into": rate(seconds, () => session.digestSync(CKM.SHA256, data32, { into })),
  "HMAC-SHA256 32 B": rate(seconds, () => session.signSync(keys.hmac, CKM.SHA256_HMAC, data32)),
  "HMAC-SHA256 32 B, into": rate(seconds, () => session.signSync(keys.hmac, CKM.SHA256_HMAC, data32, { into })),
  "AES-CBC-PAD 1 KiB": rate(seconds, () => session.encryptSync(keys.aes, cbc, data1k)),
  "AES-CBC-PAD 1 KiB, into": rate(seconds, () => session.encryptSync(keys.aes, cbc, data1k, { into })),
  "ECDSA P-256": rate(seconds, () => session.signSync(keys.ec, CKM.ECDSA, data32)),
  "RSA-2048": rate(seconds, () => session.signSync(keys.rsa, CKM.SHA256_RSA_PKCS, data32)),
  "AES-CBC-PAD 1 MiB": rate(seconds, () => session.encryptSync(keys.aes, cbc, data1m)),
  "AES-CBC-PAD 1 MiB, into": rate(seconds, () => session.encryptSync(keys.aes, cbc, data1m, { into })),
  "find 1000, read 3": rate(seconds, () => {
    const found = session.findObjectsSync(match, { read });
    if (found.length !== OBJECTS) throw new Error(`Cannot measure: found ${found.length} objects`);
    for (const { attributes } of found) for (const name of read) attributes!.get(name);
  }),
};
// What is told to a subscriber of gp11:call; "digest 32 B" is the same with nobody there.
const unheard = (): void => {};
subscribe("tracing:gp11:call:end", unheard);
rates["digest 32 B, traced"] = rate(seconds, () => session.digestSync(CKM.SHA256, data32));
unsubscribe("tracing:gp11:call:end", unheard);
const sessions = [session, ...Array.from({ length: 7 }, () => slot.openSessionSync())];
rates["RSA-2048, async, 2 sessions"] = await rateAsync(
  seconds,
  sessions.slice(0, 2).map((each) => () => each.sign(keys.rsa, CKM.SHA256_RSA_PKCS, data32)),
);
rates["HMAC-SHA256 32 B, async, 1 session"] = await rateAsync(
  seconds,
  sessions.slice(0, 1).map((each) => () => each.sign(keys.hmac, CKM.SHA256_HMAC, data32)),
);
rates["HMAC-SHA256 32 B, async, 8 sessions"] = await rateAsync(
  seconds,
  sessions.map((each) => () => each.sign(keys.hmac, CKM.SHA256_HMAC, data32)),
);
// Signatures per second, as in a loop of synchronous calls.
const many = Array.from({ length: 1000 }, () => data32);
for (
  const [name, key, mechanism] of [["HMAC-SHA256 32 B", keys.hmac, CKM.SHA256_HMAC], [
    "ECDSA P-256",
    keys.ec,
    CKM.ECDSA,
  ]] as const
) {
  rates[`${name}, signMany of 1000`] = many.length *
    await rateAsync(seconds, [() => session.signMany(key, mechanism, many)]);
}
report(rates);
await slot.module.close();
