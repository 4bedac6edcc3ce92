// The rows of pkcs11js, the compiled addon, and of ./pkcs11js over the same calls; runs on Deno, Bun and Node. Buffers are
// reused, as its users do for speed.
import process from "node:process";
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";

/** The door, or the addon that was built in the folder PKCS11JS_FOLDER. */
export async function packageOf(which) {
  return which === "door"
    ? await import("../../pkcs11js/mod.ts")
    : createRequire(`${process.env.PKCS11JS_FOLDER}/`)("pkcs11js");
}

/** Does what another in this process may have done already. */
function unlessDone(call, done) {
  try {
    call();
  } catch (error) {
    if (error.code !== done) throw error;
  }
}

/**
 * Logs in to a token, makes keys and objects that bear this name, and gives the calls of each row: one, or as many as are
 * made at once. The module may be another's in this process too.
 */
export function open(pkcs11, path, label, pin, name) {
  const p = new pkcs11.PKCS11();
  p.load(path);
  // Several threads call: without it a module may take itself for the only one.
  unlessDone(
    () => p.C_Initialize({ flags: pkcs11.CKF_OS_LOCKING_OK }),
    pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED,
  );
  const slot = p.C_GetSlotList(true).find((id) => p.C_GetTokenInfo(id).label.trim() === label);
  const s = p.C_OpenSession(slot, pkcs11.CKF_RW_SESSION | pkcs11.CKF_SERIAL_SESSION);
  unlessDone(() => p.C_Login(s, pkcs11.CKU_USER, pin), pkcs11.CKR_USER_ALREADY_LOGGED_IN);
  const a = (type, value) => ({ type, value });
  const common = [
    a(pkcs11.CKA_TOKEN, false),
    a(pkcs11.CKA_PRIVATE, false),
    a(pkcs11.CKA_SIGN, true),
    a(pkcs11.CKA_ENCRYPT, true),
    a(pkcs11.CKA_VALUE_LEN, 32),
  ];
  const hmacKey = p.C_GenerateKey(s, { mechanism: pkcs11.CKM_GENERIC_SECRET_KEY_GEN }, common);
  const aesKey = p.C_GenerateKey(s, { mechanism: pkcs11.CKM_AES_KEY_GEN }, common);
  const privateTemplate = [a(pkcs11.CKA_TOKEN, false), a(pkcs11.CKA_SIGN, true)];
  const ec = p.C_GenerateKeyPair(s, { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN }, [
    a(pkcs11.CKA_TOKEN, false),
    a(pkcs11.CKA_EC_PARAMS, Buffer.from([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])),
  ], privateTemplate);
  const rsa = p.C_GenerateKeyPair(s, { mechanism: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN }, [
    a(pkcs11.CKA_TOKEN, false),
    a(pkcs11.CKA_MODULUS_BITS, 2048),
    a(pkcs11.CKA_PUBLIC_EXPONENT, Buffer.from([1, 0, 1])),
  ], privateTemplate);
  for (let i = 0; i < 1000; i++) {
    p.C_CreateObject(s, [
      a(pkcs11.CKA_CLASS, pkcs11.CKO_DATA),
      a(pkcs11.CKA_TOKEN, false),
      a(pkcs11.CKA_PRIVATE, false),
      a(pkcs11.CKA_APPLICATION, name),
      a(pkcs11.CKA_LABEL, `object ${i}`),
      a(pkcs11.CKA_VALUE, Buffer.alloc(32)),
    ]);
  }
  const data32 = Buffer.alloc(32);
  const data1k = Buffer.alloc(1024);
  const data1m = Buffer.alloc(1 << 20);
  const out = Buffer.alloc((1 << 20) + 64);
  const iv = Buffer.alloc(16);
  const sign = (mechanism, key) => {
    p.C_SignInit(s, { mechanism }, key);
    p.C_Sign(s, data32, out.subarray(0, 1024));
  };
  const encrypt = (data) => {
    p.C_EncryptInit(s, { mechanism: pkcs11.CKM_AES_CBC_PAD, parameter: iv }, aesKey);
    p.C_Encrypt(s, data, out);
  };
  const find = () => {
    p.C_FindObjectsInit(s, [a(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), a(pkcs11.CKA_APPLICATION, name)]);
    const found = [];
    for (let batch = p.C_FindObjects(s, 128); batch.length > 0; batch = p.C_FindObjects(s, 128)) found.push(...batch);
    p.C_FindObjectsFinal(s);
    for (const object of found) {
      p.C_GetAttributeValue(s, object, [
        { type: pkcs11.CKA_LABEL },
        { type: pkcs11.CKA_APPLICATION },
        { type: pkcs11.CKA_VALUE },
      ]);
    }
  };
  const sessions = Array.from({ length: 8 }, () => ({
    session: p.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION),
    out: Buffer.alloc(512),
  }));
  const signAsync = (count, mechanism, key) =>
    sessions.slice(0, count).map(({ session, out }) => async () => {
      p.C_SignInit(session, { mechanism }, key);
      await p.C_SignAsync(session, data32, out);
    });
  return {
    rows: {
      "session info": () => p.C_GetSessionInfo(s),
      "digest 32 B": () => {
        p.C_DigestInit(s, { mechanism: pkcs11.CKM_SHA256 });
        p.C_Digest(s, data32, out.subarray(0, 64));
      },
      "HMAC-SHA256 32 B": () => sign(pkcs11.CKM_SHA256_HMAC, hmacKey),
      "AES-CBC-PAD 1 KiB": () => encrypt(data1k),
      "ECDSA P-256": () => sign(pkcs11.CKM_ECDSA, ec.privateKey),
      "RSA-2048": () => sign(pkcs11.CKM_SHA256_RSA_PKCS, rsa.privateKey),
      "AES-CBC-PAD 1 MiB": () => encrypt(data1m),
      "find 1000, read 3": find,
    },
    asyncRows: {
      "RSA-2048, async, 2 sessions": signAsync(2, pkcs11.CKM_SHA256_RSA_PKCS, rsa.privateKey),
      "ECDSA P-256, async, 4 sessions": signAsync(4, pkcs11.CKM_ECDSA, ec.privateKey),
      "HMAC-SHA256 32 B, async, 1 session": signAsync(1, pkcs11.CKM_SHA256_HMAC, hmacKey),
      "HMAC-SHA256 32 B, async, 8 sessions": signAsync(8, pkcs11.CKM_SHA256_HMAC, hmacKey),
    },
    close: () => unlessDone(() => p.C_Finalize(), pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED),
  };
}
