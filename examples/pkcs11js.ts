// Written for npm's pkcs11js: signs with a key pair that it makes on a token, and verifies the signature.
import { Buffer } from "node:buffer";
import * as pkcs11js from "@gp11/gp11/pkcs11js";

export async function signOnToken(library: string, label: string, pin: string, data: Buffer): Promise<boolean> {
  const pkcs11 = new pkcs11js.PKCS11();
  pkcs11.load(library);
  pkcs11.C_Initialize();
  try {
    const slot = pkcs11.C_GetSlotList(true).find((each) => pkcs11.C_GetTokenInfo(each).label.trim() === label)!;
    const session = pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
    pkcs11.C_Login(session, pkcs11js.CKU_USER, pin);
    const keys = await pkcs11.C_GenerateKeyPairAsync(
      session,
      { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
      [{ type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from("06082a8648ce3d030107", "hex") }],
      [{ type: pkcs11js.CKA_SIGN, value: true }],
    );
    pkcs11.C_DigestInit(session, { mechanism: pkcs11js.CKM_SHA256 });
    const digest = pkcs11.C_Digest(session, data, Buffer.alloc(32));
    pkcs11.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, keys.privateKey);
    const signature = await pkcs11.C_SignAsync(session, digest, Buffer.alloc(64));
    pkcs11.C_VerifyInit(session, { mechanism: pkcs11js.CKM_ECDSA }, keys.publicKey);
    return pkcs11.C_Verify(session, digest, signature);
  } finally {
    pkcs11.C_Finalize();
    pkcs11.close();
  }
}
