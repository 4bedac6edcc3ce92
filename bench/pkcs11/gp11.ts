// This library's rows; runs on Deno, Bun and Node.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { aesCbc, CKM, CKO, Module } from "../../session/mod.ts";
import { data1k, data1m, data32, iv, makeObjects, OBJECTS, P256, rate, rateAsync, report, setting } from "./rows.ts";

const { module: path, label, pin, seconds } = setting();
const module = await Module.load(path, { managed: false });
const slot = module.slotsSync({ tokenPresent: true }).find((slot) => slot.tokenInfoSync().label === label)!;
const session = slot.openSessionSync({ readWrite: true, login: { pin } });
const common = { token: false, private: false, valueLen: 32, sign: true, encrypt: true };
const hmacKey = session.generateKeySync(CKM.GENERIC_SECRET_KEY_GEN, common);
const aesKey = session.generateKeySync(CKM.AES_KEY_GEN, common);
const privateAttributes = { token: false, sign: true };
const ec = session.generateKeyPairSync(CKM.EC_KEY_PAIR_GEN, { token: false, ecParams: P256 }, privateAttributes);
const rsaPublic = { token: false, modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
const rsa = session.generateKeyPairSync(CKM.RSA_PKCS_KEY_PAIR_GEN, rsaPublic, privateAttributes);
const object = { class: CKO.DATA, token: false, private: false, application: "bench", value: data32 };
makeObjects((label) => session.createObjectSync({ ...object, label }));

// Made once, as C and pkcs11js keep theirs.
const cbc = aesCbc({ iv });
const match = { class: CKO.DATA, application: "bench" };
const read = ["label", "application", "value"] as const;
const into = new Uint8Array(data1m.length + 16);
const rates: Record<string, number> = {
  "session info": rate(seconds, () => session.getInfoSync()),
  "digest 32 B": rate(seconds, () => session.digestSync(CKM.SHA256, data32)),
  "digest 32 B, into": rate(seconds, () => session.digestSync(CKM.SHA256, data32, { into })),
  "HMAC-SHA256 32 B": rate(seconds, () => session.signSync(hmacKey, CKM.SHA256_HMAC, data32)),
  "HMAC-SHA256 32 B, into": rate(seconds, () => session.signSync(hmacKey, CKM.SHA256_HMAC, data32, { into })),
  "AES-CBC-PAD 1 KiB": rate(seconds, () => session.encryptSync(aesKey, cbc, data1k)),
  "AES-CBC-PAD 1 KiB, into": rate(seconds, () => session.encryptSync(aesKey, cbc, data1k, { into })),
  "ECDSA P-256": rate(seconds, () => session.signSync(ec.privateKey, CKM.ECDSA, data32)),
  "RSA-2048": rate(seconds, () => session.signSync(rsa.privateKey, CKM.SHA256_RSA_PKCS, data32)),
  "AES-CBC-PAD 1 MiB": rate(seconds, () => session.encryptSync(aesKey, cbc, data1m)),
  "AES-CBC-PAD 1 MiB, into": rate(seconds, () => session.encryptSync(aesKey, cbc, data1m, { into })),
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
  sessions.slice(0, 2).map((each) => () => each.sign(rsa.privateKey, CKM.SHA256_RSA_PKCS, data32)),
);
rates["HMAC-SHA256 32 B, async, 1 session"] = await rateAsync(
  seconds,
  sessions.slice(0, 1).map((each) => () => each.sign(hmacKey, CKM.SHA256_HMAC, data32)),
);
rates["HMAC-SHA256 32 B, async, 8 sessions"] = await rateAsync(
  seconds,
  sessions.map((each) => () => each.sign(hmacKey, CKM.SHA256_HMAC, data32)),
);
// Signatures per second, as in a loop of synchronous calls.
const many = Array.from({ length: 1000 }, () => data32);
for (
  const [name, key, mechanism] of [["HMAC-SHA256 32 B", hmacKey, CKM.SHA256_HMAC], [
    "ECDSA P-256",
    ec.privateKey,
    CKM.ECDSA,
  ]] as const
) {
  rates[`${name}, signMany of 1000`] = many.length *
    await rateAsync(seconds, [() => session.signMany(key, mechanism, many)]);
}
report(rates);
await module.close();
