/* A token compiled for Windows, where structures are packed to one byte and CK_ULONG has four: mock_module.c with one
   object, whose attributes, and two mechanisms, whose parameters come back as results. */
#define C_GetFunctionList mock_GetFunctionList
#include "mock_module.c"
#undef C_GetFunctionList

_Static_assert(sizeof(CK_ULONG) == 4 && sizeof(CK_ATTRIBUTE) == 16 && sizeof(CK_GCM_PARAMS) == 32, "no Windows");

#define OBJECT 7
static int asked;
static CK_RSA_PKCS_PSS_PARAMS pss;
static CK_GCM_PARAMS gcm;

static CK_ULONG class = CKO_SECRET_KEY;
static CK_MECHANISM_TYPE allowed[] = { CKM_AES_GCM, CKM_RSA_PKCS_PSS };
static struct { CK_ATTRIBUTE_TYPE type; const void *value; CK_ULONG length; } attributes[] = {
  { CKA_CLASS, &class, sizeof class }, { CKA_LABEL, "packed", 6 }, { CKA_TOKEN, "\1", 1 },
  { CKA_START_DATE, "20261129", 8 }, { CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed },
};
#define ATTRIBUTES (sizeof attributes / sizeof *attributes)

static CK_RV give(const void *value, CK_ULONG size, CK_BYTE *to, CK_ULONG *length) {
  CK_ULONG room = *length;
  *length = size;
  if (!to) return CKR_OK;
  if (room < size) return CKR_BUFFER_TOO_SMALL;
  memcpy(to, value, size);
  return CKR_OK;
}

/* The object is found by its label and by nothing else. */
static CK_RV win_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count) {
  (void)handle;
  asked = count == 1 && template->type == CKA_LABEL && template->ulValueLen == 6 && !memcmp(template->pValue, "packed", 6);
  return CKR_OK;
}

static CK_RV win_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count) {
  (void)handle;
  *count = asked && max ? 1 : 0;
  if (*count) *objects = OBJECT;
  asked = 0;
  return CKR_OK;
}

static CK_RV win_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted, CK_ULONG n) {
  (void)handle;
  if (object != OBJECT) return CKR_OBJECT_HANDLE_INVALID;
  CK_RV rv = CKR_OK;
  for (CK_ULONG i = 0; i < n; i++) {
    CK_RV one = wanted[i].type == CKA_VALUE ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID;
    for (CK_ULONG j = 0; j < ATTRIBUTES; j++)
      if (attributes[j].type == wanted[i].type)
        one = give(attributes[j].value, attributes[j].length, wanted[i].pValue, &wanted[i].ulValueLen);
    if (one == CKR_OK) continue;
    wanted[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
    rv = one;
  }
  return rv;
}

static CK_RV win_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
  (void)handle;
  if (key != OBJECT || mechanism->ulParameterLen != sizeof pss) return CKR_MECHANISM_PARAM_INVALID;
  memcpy(&pss, mechanism->pParameter, sizeof pss);
  return CKR_OK;
}

static CK_RV win_Sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG size, CK_BYTE *to, CK_ULONG *length) {
  (void)handle, (void)data, (void)size;
  return give(&pss, sizeof pss, to, length);
}

static CK_RV win_EncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
  (void)handle;
  if (key != OBJECT || mechanism->ulParameterLen != sizeof gcm) return CKR_MECHANISM_PARAM_INVALID;
  memcpy(&gcm, mechanism->pParameter, sizeof gcm);
  return CKR_OK;
}

/* What is encrypted: the lengths of the parameter, its IV and its associated data, then the data. */
static CK_RV win_Encrypt(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG size, CK_BYTE *to, CK_ULONG *length) {
  (void)handle;
  CK_BYTE all[256];
  CK_ULONG numbers[] = { gcm.ulIvLen, gcm.ulIvBits, gcm.ulAADLen, gcm.ulTagBits }, at = sizeof numbers;
  memcpy(all, numbers, at);
  memcpy(all + at, gcm.pIv, gcm.ulIvLen), at += gcm.ulIvLen;
  memcpy(all + at, gcm.pAAD, gcm.ulAADLen), at += gcm.ulAADLen;
  memcpy(all + at, data, size), at += size;
  return give(all, at, to, length);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
  CK_RV rv = mock_GetFunctionList(list);
  (*list)->mock_GetFunctionList = C_GetFunctionList;
  (*list)->C_FindObjectsInit = win_FindObjectsInit;
  (*list)->C_FindObjects = win_FindObjects;
  (*list)->C_GetAttributeValue = win_GetAttributeValue;
  (*list)->C_SignInit = win_SignInit;
  (*list)->C_Sign = win_Sign;
  (*list)->C_EncryptInit = win_EncryptInit;
  (*list)->C_Encrypt = win_Encrypt;
  return rv;
}
