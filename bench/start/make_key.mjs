// Makes the key that the programs sign with. Usage: MODULE, LABEL, PIN
import { CKM, Module } from "../../mod.ts";

const [path, label, pin] = globalThis.Deno.args;
const module = Module.loadSync(path);
const slot = module.slotsSync({ tokenPresent: true }).find((slot) => slot.tokenInfoSync().label === label);
const session = slot.openSessionSync({ readWrite: true, login: { pin } });
const ecParams = Uint8Array.of(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7);
session.generateKeyPairSync(CKM.EC_KEY_PAIR_GEN, { token: true, ecParams }, { token: true, sign: true });
module.closeSync();
