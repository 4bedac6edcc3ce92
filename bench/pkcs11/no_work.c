/* SoftHSM2, but for the functions of the small calls: they write a result and do no work. What a caller takes besides the
   module is left then. The module is found in GP11_BENCH_MODULE. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST list;

CK_RV C_DigestInit(CK_SESSION_HANDLE s, CK_MECHANISM_PTR m) { return m->mechanism == 0; }
CK_RV C_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key) { return m->mechanism == 0; }
CK_RV C_EncryptInit(CK_SESSION_HANDLE s, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key) { return m->mechanism == 0; }

static CK_RV write_result(CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out, CK_ULONG_PTR room) {
  if (*room < length) return CKR_BUFFER_TOO_SMALL;
  memset(out, data[0], length);
  *room = length;
  return CKR_OK;
}
CK_RV C_Digest(CK_SESSION_HANDLE s, CK_BYTE_PTR data, CK_ULONG n, CK_BYTE_PTR out, CK_ULONG_PTR room) {
  return write_result(data, 32, out, room);
}
CK_RV C_Sign(CK_SESSION_HANDLE s, CK_BYTE_PTR data, CK_ULONG n, CK_BYTE_PTR out, CK_ULONG_PTR room) {
  return write_result(data, 32, out, room);
}
CK_RV C_Encrypt(CK_SESSION_HANDLE s, CK_BYTE_PTR data, CK_ULONG n, CK_BYTE_PTR out, CK_ULONG_PTR room) {
  return write_result(data, n - n % 16 + 16, out, room);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR found) {
  if (list.C_Initialize == NULL) {
    const char *path = getenv("GP11_BENCH_MODULE");
    void *library = path ? dlopen(path, RTLD_NOW) : NULL;
    CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList) dlsym(library, "C_GetFunctionList") : NULL;
    CK_FUNCTION_LIST_PTR real;
    if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    list = *real;
    list.C_GetFunctionList = C_GetFunctionList;
    list.C_DigestInit = C_DigestInit;
    list.C_Digest = C_Digest;
    list.C_SignInit = C_SignInit;
    list.C_Sign = C_Sign;
    list.C_EncryptInit = C_EncryptInit;
    list.C_Encrypt = C_Encrypt;
  }
  *found = &list;
  return CKR_OK;
}
