/* A PKCS#11 module for tests. It counts its real initialisations and keeps sessions and logins as a token would.
   Behaviour comes from pReserved, else from the macro MOCK_OPTIONS, a text such as "slots=2,initialize=48":
   slots=N number of slots; initialize=N what C_Initialize returns; changing a slot more at every C_GetSlotList for a count;
   badslot C_GetTokenInfo of the first slot fails; unlockable C_Initialize refuses locking; slow=N C_GetTokenInfo takes N
   milliseconds, held it takes until mock_release() is called, and it is counted what happens to the module meanwhile;
   close=N what C_CloseSession answers. */
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MOCK_OPTIONS
#define MOCK_OPTIONS "slots=1"
#endif
#ifndef MOCK_NAME
#define MOCK_NAME "mock"
#endif
#define SESSIONS 4096
#define SLOTS 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long initializes, finalizes, logins, logouts, strays, inside, overlaps, cuts, slow, closing;
static int initialized, changing, badslot;
static volatile int held;
static CK_ULONG slots = 1;
static struct { CK_SLOT_ID slot; CK_FLAGS flags; int open; } sessions[SESSIONS];
static int loggedIn[SLOTS];

unsigned long mock_initializes(void) { return initializes; }
unsigned long mock_finalizes(void) { return finalizes; }
unsigned long mock_logins(void) { return logins; }
unsigned long mock_logouts(void) { return logouts; }
/* Calls that reached the module while it was not initialised. */
unsigned long mock_strays(void) { return strays; }
/* Calls of C_GetTokenInfo under way. */
unsigned long mock_inside(void) { return inside; }
/* Those that met another. */
unsigned long mock_overlaps(void) { return overlaps; }
/* Those under which the module was finalised. */
unsigned long mock_cuts(void) { return cuts; }
unsigned long mock_release(void) { return held = 0; }
unsigned long mock_sessions(void) {
  unsigned long n = 0;
  for (int i = 0; i < SESSIONS; i++) n += sessions[i].open != 0;
  return n;
}

static unsigned long option(const char *options, const char *name, unsigned long otherwise) {
  const char *at = strstr(options, name);
  return at ? strtoul(at + strlen(name), NULL, 10) : otherwise;
}

static void pad(unsigned char *field, size_t length, const char *text) {
  memset(field, ' ', length);
  memcpy(field, text, strlen(text) < length ? strlen(text) : length);
}

static CK_RV unsupported(void) { return CKR_FUNCTION_NOT_SUPPORTED; }
static CK_RV parallel(void) { return CKR_FUNCTION_NOT_PARALLEL; }

static CK_RV mock_Initialize(void *arguments) {
  CK_C_INITIALIZE_ARGS *args = arguments;
  const char *options = args && args->pReserved ? args->pReserved : MOCK_OPTIONS;
  CK_RV rv;
  pthread_mutex_lock(&lock);
  rv = initialized ? CKR_CRYPTOKI_ALREADY_INITIALIZED : option(options, "initialize=", CKR_OK);
  if (strstr(options, "unlockable") && args && args->flags & CKF_OS_LOCKING_OK) rv = CKR_CANT_LOCK;
  if (rv == CKR_OK) {
    initialized = 1;
    initializes++;
    slots = option(options, "slots=", 1);
    changing = strstr(options, "changing") != NULL;
    badslot = strstr(options, "badslot") != NULL;
    slow = option(options, "slow=", 0);
    held = strstr(options, "held") != NULL;
    closing = option(options, "close=", CKR_OK);
  }
  pthread_mutex_unlock(&lock);
  return rv;
}

static CK_RV mock_Finalize(void *reserved) {
  (void)reserved;
  CK_RV rv = CKR_CRYPTOKI_NOT_INITIALIZED;
  pthread_mutex_lock(&lock);
  if (initialized) {
    rv = CKR_OK;
    initialized = 0;
    finalizes++;
    memset(sessions, 0, sizeof sessions);
    memset(loggedIn, 0, sizeof loggedIn);
  }
  pthread_mutex_unlock(&lock);
  return rv;
}

static CK_RV stray(void) {
  __atomic_add_fetch(&strays, 1, __ATOMIC_SEQ_CST);
  return CKR_CRYPTOKI_NOT_INITIALIZED;
}

/* A call that takes its time and notices what goes on beside it. */
static void take_time(void) {
  if (__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST)) __atomic_add_fetch(&overlaps, 1, __ATOMIC_SEQ_CST);
  unsigned long before = finalizes;
  usleep(slow * 1000);
  while (held) usleep(1000);
  if (finalizes != before) __atomic_add_fetch(&cuts, 1, __ATOMIC_SEQ_CST);
  __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
}

static CK_RV mock_GetInfo(CK_INFO *info) {
  if (!initialized) return stray();
  memset(info, 0, sizeof *info);
  info->cryptokiVersion.major = 2;
  info->cryptokiVersion.minor = 40;
  pad(info->manufacturerID, 32, "gp11 tests");
  pad(info->libraryDescription, 32, MOCK_NAME);
  return CKR_OK;
}

static CK_RV mock_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count) {
  (void)present;
  if (!initialized) return stray();
  CK_RV rv = !list || *count >= slots ? CKR_OK : CKR_BUFFER_TOO_SMALL;
  if (list && rv == CKR_OK)
    for (CK_ULONG i = 0; i < slots; i++) list[i] = i;
  *count = slots;
  if (changing && slots < SLOTS) slots++;
  return rv;
}

static CK_RV mock_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info) {
  if (!initialized) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (slot >= slots) return CKR_SLOT_ID_INVALID;
  memset(info, 0, sizeof *info);
  pad(info->slotDescription, 64, MOCK_NAME " slot");
  pad(info->manufacturerID, 32, "gp11 tests");
  info->flags = CKF_TOKEN_PRESENT;
  return CKR_OK;
}

static CK_RV mock_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
  if (!initialized) return stray();
  if (slow || held) take_time();
  if (slot >= slots) return CKR_SLOT_ID_INVALID;
  if (badslot && slot == 0) return CKR_DEVICE_ERROR;
  memset(info, 0, sizeof *info);
  pad(info->label, 32, MOCK_NAME " token");
  info->label[strlen(MOCK_NAME " token")] = (unsigned char)('0' + slot);
  pad(info->manufacturerID, 32, "gp11 tests");
  pad(info->model, 16, "mock");
  pad(info->serialNumber, 16, "0");
  info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
  return CKR_OK;
}

static CK_RV mock_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count) {
  (void)list;
  if (slot >= slots) return CKR_SLOT_ID_INVALID;
  *count = 0;
  return CKR_OK;
}

static CK_RV mock_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *handle) {
  (void)app, (void)notify;
  if (!initialized) return stray();
  if (slot >= slots) return CKR_SLOT_ID_INVALID;
  CK_RV rv = CKR_SESSION_COUNT;
  pthread_mutex_lock(&lock);
  for (int i = 1; i < SESSIONS && rv != CKR_OK; i++) {
    if (sessions[i].open) continue;
    sessions[i].open = 1;
    sessions[i].slot = slot;
    sessions[i].flags = flags;
    *handle = (CK_SESSION_HANDLE)i;
    rv = CKR_OK;
  }
  pthread_mutex_unlock(&lock);
  return rv;
}

static int valid(CK_SESSION_HANDLE handle) { return handle > 0 && handle < SESSIONS && sessions[handle].open; }

static CK_RV mock_CloseSession(CK_SESSION_HANDLE handle) {
  if (closing) return closing;
  if (!initialized) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (!valid(handle)) return CKR_SESSION_HANDLE_INVALID;
  sessions[handle].open = 0;
  return CKR_OK;
}

static CK_RV mock_CloseAllSessions(CK_SLOT_ID slot) {
  if (!initialized) return CKR_CRYPTOKI_NOT_INITIALIZED;
  for (int i = 0; i < SESSIONS; i++)
    if (sessions[i].slot == slot) sessions[i].open = 0;
  return CKR_OK;
}

static CK_RV mock_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info) {
  if (!initialized) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (!valid(handle)) return CKR_SESSION_HANDLE_INVALID;
  info->slotID = sessions[handle].slot;
  info->flags = sessions[handle].flags;
  info->state = (info->flags & CKF_RW_SESSION ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION) +
                (CK_ULONG)loggedIn[info->slotID];
  info->ulDeviceError = 0;
  return CKR_OK;
}

static CK_RV mock_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG length) {
  (void)user;
  if (!valid(handle)) return CKR_SESSION_HANDLE_INVALID;
  if (loggedIn[sessions[handle].slot]) return CKR_USER_ALREADY_LOGGED_IN;
  /* The second one for tests that look for it in texts: no number has it in it. */
  if (length != 4 || (memcmp(pin, "1234", 4) && memcmp(pin, "PiNs", 4))) return CKR_PIN_INCORRECT;
  loggedIn[sessions[handle].slot] = 1;
  logins++;
  return CKR_OK;
}

static CK_RV mock_Logout(CK_SESSION_HANDLE handle) {
  if (!valid(handle)) return CKR_SESSION_HANDLE_INVALID;
  if (!loggedIn[sessions[handle].slot]) return CKR_USER_NOT_LOGGED_IN;
  loggedIn[sessions[handle].slot] = 0;
  logouts++;
  return CKR_OK;
}

static CK_RV mock_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG count) {
  (void)template, (void)count;
  return valid(handle) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV mock_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count) {
  (void)objects, (void)max;
  *count = 0;
  return valid(handle) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV mock_FindObjectsFinal(CK_SESSION_HANDLE handle) {
  return valid(handle) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
  static CK_FUNCTION_LIST functions;
  static int filled;
  pthread_mutex_lock(&lock);
  if (!filled) {
    void **entries = (void **)&functions.C_Initialize;
    functions.version.major = 2;
    functions.version.minor = 40;
    for (int i = 0; i < 68; i++) entries[i] = (void *)unsupported;
    functions.C_Initialize = mock_Initialize;
    functions.C_Finalize = mock_Finalize;
    functions.C_GetInfo = mock_GetInfo;
    functions.C_GetFunctionList = C_GetFunctionList;
    functions.C_GetSlotList = mock_GetSlotList;
    functions.C_GetSlotInfo = mock_GetSlotInfo;
    functions.C_GetTokenInfo = mock_GetTokenInfo;
    functions.C_GetMechanismList = mock_GetMechanismList;
    functions.C_OpenSession = mock_OpenSession;
    functions.C_CloseSession = mock_CloseSession;
    functions.C_CloseAllSessions = mock_CloseAllSessions;
    functions.C_GetSessionInfo = mock_GetSessionInfo;
    functions.C_Login = mock_Login;
    functions.C_Logout = mock_Logout;
    functions.C_FindObjectsInit = mock_FindObjectsInit;
    functions.C_FindObjects = mock_FindObjects;
    functions.C_FindObjectsFinal = mock_FindObjectsFinal;
    functions.C_GetFunctionStatus = (void *)parallel;
    functions.C_CancelFunction = (void *)parallel;
    filled = 1;
  }
  pthread_mutex_unlock(&lock);
  *list = &functions;
  return CKR_OK;
}
