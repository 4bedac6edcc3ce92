// The first signature of a program that does not block. Usage: HOW OFTEN, MODULE, LABEL, PIN
import { CKM, CKO, Module } from "../../mod.ts";
import { tellMemory, words } from "./program.mjs";

const [count, path, label, pin] = words;
const module = await Module.load(path);
const slots = await module.slots({ tokenPresent: true });
const labels = await Promise.all(slots.map(async (slot) => (await slot.tokenInfo()).label));
const session = await slots[labels.indexOf(label)].openSession({ login: { pin } });
const [key] = await session.findObjects({ class: CKO.PRIVATE_KEY });
const digest = new Uint8Array(32);
for (let i = 0; i < Number(count); i++) await session.sign(key, CKM.ECDSA, digest);
await module.close();
tellMemory(count);
