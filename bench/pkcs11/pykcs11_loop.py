"""The rows of the benchmark through PyKCS11. Usage: pykcs11_loop.py MODULE LABEL PIN SECONDS. Prints calls per second."""

import json
import sys
import time

import PyKCS11
from PyKCS11 import LowLevel as low

path, label, pin, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
lib = PyKCS11.PyKCS11Lib()
lib.load(path)
slot = next(s for s in lib.getSlotList(True) if lib.getTokenInfo(s).label.strip() == label)
session = lib.openSession(slot, low.CKF_SERIAL_SESSION | low.CKF_RW_SESSION)
session.login(pin)

common = [(low.CKA_TOKEN, False), (low.CKA_PRIVATE, False), (low.CKA_SIGN, True), (low.CKA_ENCRYPT, True)]
secret = common + [(low.CKA_VALUE_LEN, 32)]
hmac_key = session.generateKey(secret, PyKCS11.Mechanism(low.CKM_GENERIC_SECRET_KEY_GEN))
aes_key = session.generateKey(secret, PyKCS11.Mechanism(low.CKM_AES_KEY_GEN))
private = [(low.CKA_TOKEN, False), (low.CKA_SIGN, True)]
P256 = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]
_, ec_key = session.generateKeyPair(
    [(low.CKA_TOKEN, False), (low.CKA_EC_PARAMS, P256)], private, PyKCS11.Mechanism(low.CKM_EC_KEY_PAIR_GEN)
)
rsa_public = [(low.CKA_TOKEN, False), (low.CKA_MODULUS_BITS, 2048), (low.CKA_PUBLIC_EXPONENT, [1, 0, 1])]
_, rsa_key = session.generateKeyPair(rsa_public, private, PyKCS11.Mechanism(low.CKM_RSA_PKCS_KEY_PAIR_GEN))
for i in range(1000):
    session.createObject([
        (low.CKA_CLASS, low.CKO_DATA),
        (low.CKA_TOKEN, False),
        (low.CKA_PRIVATE, False),
        (low.CKA_APPLICATION, "bench"),
        (low.CKA_LABEL, f"object {i}"),
        (low.CKA_VALUE, [0] * 32),
    ])

data32, data1k, data1m = bytes(32), bytes(1024), bytes(1 << 20)
sha256 = PyKCS11.Mechanism(low.CKM_SHA256)
hmac = PyKCS11.Mechanism(low.CKM_SHA256_HMAC)
ecdsa = PyKCS11.Mechanism(low.CKM_ECDSA)
rsa = PyKCS11.Mechanism(low.CKM_SHA256_RSA_PKCS)
cbc = PyKCS11.Mechanism(low.CKM_AES_CBC_PAD, bytes(16))


def find():
    found = session.findObjects([(low.CKA_CLASS, low.CKO_DATA), (low.CKA_APPLICATION, "bench")])
    if len(found) != 1000:
        raise RuntimeError(f"found {len(found)} objects")
    for each in found:
        session.getAttributeValue(each, [low.CKA_LABEL, low.CKA_APPLICATION, low.CKA_VALUE])


rows = {
    "session info": lambda: session.getSessionInfo(),
    "digest 32 B": lambda: session.digest(data32, sha256),
    "HMAC-SHA256 32 B": lambda: session.sign(hmac_key, data32, hmac),
    "AES-CBC-PAD 1 KiB": lambda: session.encrypt(aes_key, data1k, cbc),
    "ECDSA P-256": lambda: session.sign(ec_key, data32, ecdsa),
    "RSA-2048": lambda: session.sign(rsa_key, data32, rsa),
    "AES-CBC-PAD 1 MiB": lambda: session.encrypt(aes_key, data1m, cbc),
    "find 1000, read 3": find,
}


def rate(length, call):
    count, start = 0, time.perf_counter()
    end = start
    while end - start < length:
        call()
        count += 1
        end = time.perf_counter()
    return count / (end - start)


rates = {}
for name, call in rows.items():
    rate(seconds / 2, call)
    rates[name] = rate(seconds, call)
print(json.dumps(rates))
