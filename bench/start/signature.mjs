// The first signature of a program, or so many of them. Usage: HOW OFTEN, MODULE, LABEL, PIN
import { CKM, CKO, Module } from "../../mod.ts";
import { tellMemory, words } from "./program.mjs";

const [count, path, label, pin] = words;
const module = Module.loadSync(path);
const slot = module.slotsSync({ tokenPresent: true }).find((slot) => slot.tokenInfoSync().label === label);
const session = slot.openSessionSync({ login: { pin } });
const [key] = session.findObjectsSync({ class: CKO.PRIVATE_KEY });
const digest = new Uint8Array(32);
for (let i = 0; i < Number(count); i++) session.signSync(key, CKM.ECDSA, digest);
module.closeSync();
tellMemory(count);
