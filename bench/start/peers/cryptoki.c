/* The first signature of a program that calls the module itself. Usage: HOW OFTEN, MODULE, LABEL, PIN */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <string.h>
#include "memory.h"

static void check(CK_RV rv, const char *what) {
  if (rv == CKR_OK) return;
  fprintf(stderr, "%s: 0x%lx\n", what, rv);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  long count = atol(argv[1]);
  void *library = dlopen(argv[2], RTLD_NOW);
  CK_C_GetFunctionList list = library == NULL ? NULL : (CK_C_GetFunctionList) dlsym(library, "C_GetFunctionList");
  CK_FUNCTION_LIST_PTR f;
  CK_SLOT_ID slots[16], slot = (CK_SLOT_ID) -1;
  CK_ULONG found = 16, length;
  CK_SESSION_HANDLE session;
  if (list == NULL) return 1;
  check(list(&f), "C_GetFunctionList");
  check(f->C_Initialize(NULL), "C_Initialize");
  check(f->C_GetSlotList(CK_TRUE, slots, &found), "C_GetSlotList");
  for (CK_ULONG i = 0; i < found; i++) {
    CK_TOKEN_INFO info;
    check(f->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
    if (strncmp((char *) info.label, argv[3], strlen(argv[3])) == 0) slot = slots[i];
  }
  check(f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
  check(f->C_Login(session, CKU_USER, (CK_BYTE *) argv[4], strlen(argv[4])), "C_Login");
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE template = { CKA_CLASS, &class, sizeof class };
  CK_OBJECT_HANDLE key;
  check(f->C_FindObjectsInit(session, &template, 1), "C_FindObjectsInit");
  check(f->C_FindObjects(session, &key, 1, &found), "C_FindObjects");
  check(f->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  CK_BYTE digest[32] = { 0 }, signature[256];
  for (long i = 0; i < count; i++) {
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    length = sizeof signature;
    check(f->C_SignInit(session, &mechanism, key), "C_SignInit");
    check(f->C_Sign(session, digest, sizeof digest, signature, &length), "C_Sign");
  }
  check(f->C_Finalize(NULL), "C_Finalize");
  tell_memory(count);
  return 0;
}
