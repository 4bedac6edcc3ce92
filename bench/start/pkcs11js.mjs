// The first signature of a program with the addon pkcs11js. Usage: HOW OFTEN, MODULE, LABEL, PIN
import pkcs11js from "pkcs11js";
import { tellMemory, words } from "./program.mjs";

const [count, path, label, pin] = words;
const token = new pkcs11js.PKCS11();
token.load(path);
token.C_Initialize();
const slot = token.C_GetSlotList(true).find((slot) => token.C_GetTokenInfo(slot).label.trim() === label);
const session = token.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
token.C_Login(session, pkcs11js.CKU_USER, pin);
token.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }]);
const key = token.C_FindObjects(session);
token.C_FindObjectsFinal(session);
const digest = Buffer.alloc(32);
for (let i = 0; i < Number(count); i++) {
  token.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, key);
  token.C_Sign(session, digest, Buffer.alloc(1024));
}
token.C_Finalize();
tellMemory(count);
