// The rates of graphene-pk11, classes over the compiled addon pkcs11js; runs on Deno, Bun and Node.
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import process from "node:process";
import { printRates } from "./peer_rates.mjs";

const graphene = createRequire(`${process.env.PKCS11JS_FOLDER}/`)("graphene-pk11");
const [path, label, pin, seconds] = process.argv.slice(2);
const { KeyGenMechanism, KeyType, ObjectClass, SessionFlag } = graphene;
const module = graphene.Module.load(path, "bench");
module.initialize();
const slots = module.getSlots(true);
const slot = Array.from({ length: slots.length }, (_, index) => slots.items(index))
  .find((each) => each.getToken().label.trim() === label);
const session = slot.open(SessionFlag.RW_SESSION | SessionFlag.SERIAL_SESSION);
session.login(pin);

const common = { token: false, private: false, sign: true, encrypt: true, valueLen: 32 };
const hmacKey = session.generateKey(KeyGenMechanism.GENERIC_SECRET, { ...common, keyType: KeyType.GENERIC_SECRET });
const aesKey = session.generateKey(KeyGenMechanism.AES, { ...common, keyType: KeyType.AES });
const ec = session.generateKeyPair(KeyGenMechanism.EC, {
  keyType: KeyType.EC,
  token: false,
  paramsEC: graphene.NamedCurve.getByName("secp256r1").value,
}, { keyType: KeyType.EC, token: false, sign: true });
const rsa = session.generateKeyPair(KeyGenMechanism.RSA, {
  keyType: KeyType.RSA,
  token: false,
  modulusBits: 2048,
  publicExponent: Buffer.from([1, 0, 1]),
}, { keyType: KeyType.RSA, token: false, sign: true });
const object = { class: ObjectClass.DATA, token: false, private: false, application: "bench", value: Buffer.alloc(32) };
for (let i = 0; i < 1000; i++) session.create({ ...object, label: `object ${i}` });

const data32 = Buffer.alloc(32);
const data1k = Buffer.alloc(1024);
const data1m = Buffer.alloc(1 << 20);
const out = Buffer.alloc((1 << 20) + 64);
const cbc = { name: "AES_CBC_PAD", params: Buffer.alloc(16) };

await printRates(Number(seconds), {
  "digest 32 B": () => session.createDigest("SHA256").once(data32),
  "HMAC-SHA256 32 B": () => session.createSign("SHA256_HMAC", hmacKey).once(data32),
  "AES-CBC-PAD 1 KiB": () => session.createCipher(cbc, aesKey).once(data1k, out),
  "ECDSA P-256": () => session.createSign("ECDSA", ec.privateKey).once(data32),
  "RSA-2048": () => session.createSign("SHA256_RSA_PKCS", rsa.privateKey).once(data32),
  "AES-CBC-PAD 1 MiB": () => session.createCipher(cbc, aesKey).once(data1m, out),
  "find 1000, read 3": () => {
    const found = session.find({ class: ObjectClass.DATA, application: "bench" });
    if (found.length !== 1000) throw new Error(`Cannot measure: found ${found.length} objects`);
    for (let i = 0; i < found.length; i++) {
      found.items(i).getAttribute({ label: null, application: null, value: null });
    }
  },
});
module.finalize();
