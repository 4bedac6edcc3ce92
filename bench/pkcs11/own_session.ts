// The session, the keys and the objects that this library's rows and those by hand work with, alike in all of them.
import { CKM, CKO, Module, type Pkcs11Object, type Session } from "../../session/mod.ts";
import { data32, makeObjects, P256, type Setting } from "./rows.ts";

/** What the rows work with. */
export interface OwnSession {
  readonly slot: Session["slot"];
  readonly session: Session;
  /** Keys for HMAC and AES, and the private ones of ECDSA and RSA. */
  readonly keys: Readonly<Record<"hmac" | "aes" | "ec" | "rsa", Pkcs11Object>>;
}

/** Opens a session of the module itself, makes the keys, and beside them the objects that the search finds. */
export async function ownSession({ label, module: path, pin }: Setting): Promise<OwnSession> {
  const module = await Module.load(path, { managed: false });
  const slot = await module.findSlot(label);
  const session = slot.openSessionSync({ readWrite: true, login: { pin } });
  const common = { token: false, private: false, valueLen: 32, sign: true, encrypt: true };
  const hmac = session.generateKeySync(CKM.GENERIC_SECRET_KEY_GEN, common);
  const aes = session.generateKeySync(CKM.AES_KEY_GEN, common);
  const signing = { token: false, sign: true };
  const ec = session.generateKeyPairSync(CKM.EC_KEY_PAIR_GEN, { token: false, ecParams: P256 }, signing);
  const rsaPublic = { token: false, modulusBits: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
  const rsa = session.generateKeyPairSync(CKM.RSA_PKCS_KEY_PAIR_GEN, rsaPublic, signing);
  const object = { class: CKO.DATA, token: false, private: false, application: "bench", value: data32 };
  makeObjects((label) => session.createObjectSync({ ...object, label }));
  return { slot, session, keys: { hmac, aes, ec: ec.privateKey, rsa: rsa.privateKey } };
}
