"""The first signature of a program with PyKCS11. Usage: HOW OFTEN, MODULE, LABEL, PIN"""

import sys

import PyKCS11
from PyKCS11 import LowLevel as low

from memory import tell_memory

count, path, label, pin = int(sys.argv[1]), *sys.argv[2:5]
lib = PyKCS11.PyKCS11Lib()
lib.load(path)
slot = next(s for s in lib.getSlotList(True) if lib.getTokenInfo(s).label.strip() == label)
session = lib.openSession(slot, low.CKF_SERIAL_SESSION)
session.login(pin)
[key, *_] = session.findObjects([(low.CKA_CLASS, low.CKO_PRIVATE_KEY)])
for _ in range(count):
    session.sign(key, bytes(32), PyKCS11.Mechanism(low.CKM_ECDSA))
tell_memory(count)
