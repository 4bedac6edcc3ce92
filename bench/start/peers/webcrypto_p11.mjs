// The first signature of a program with node-webcrypto-p11 over the addon pkcs11js. Usage: HOW OFTEN, MODULE, LABEL, PIN
import { Crypto } from "node-webcrypto-p11";
import { tellMemory, words } from "./program.mjs";

const [count, library, name, pin] = words;
const crypto = new Crypto({ library, name, slot: 0, pin });
const names = await crypto.keyStorage.keys();
const key = await crypto.keyStorage.getItem(names.find((each) => each.startsWith("private")));
const data = Buffer.alloc(32);
for (let i = 0; i < Number(count); i++) await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, data);
crypto.close();
tellMemory(count);
