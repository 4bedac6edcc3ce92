/* A PKCS#11 module for tests with the habits of a smart card: three tries for the PIN, then it is locked; a key that wants
   its PIN for each use (object 1), and one that does not (object 2). The PIN counts for the very next use of the card, by
   whatever session; a use that the card refuses for want of a PIN logs the token out; from the PIN to the end of its
   operation the card is bound to the program, and closing the session does not free it. Self-contained. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long W;
typedef unsigned char B;

enum {
  OK = 0, SLOT_ID_INVALID = 3, GENERAL_ERROR = 5, ARGUMENTS_BAD = 7, ATTRIBUTE_TYPE_INVALID = 0x12, KEY_INVALID = 0x60,
  FUNCTION_NOT_SUPPORTED = 0x54, OPERATION_ACTIVE = 0x90, NO_OPERATION = 0x91, PIN_INCORRECT = 0xa0, PIN_EXPIRED = 0xa3, PIN_LOCKED = 0xa4,
  SESSION_COUNT = 0xb1, SESSION_INVALID = 0xb3, ALREADY_LOGGED_IN = 0x100, ALREADY_INITIALIZED = 0x191, NOT_LOGGED_IN = 0x101, TOO_SMALL = 0x150
};
enum { INIT_PIN = 10, SET_PIN, OPEN_SESSION, CLOSE_SESSION, LOGIN = 18, LOGOUT, CREATE_OBJECT, RANDOM = 64 };
enum { NONE, ENCRYPT = 29, DECRYPT = 33, SIGN = 42, FIND = 26 };

#define SESSIONS 64
#define EVENTS 4096
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { int open, writes, found, stuck; W active, key; } sessions[SESSIONS];
static W initialized, tries, logged, fresh, locks, objects, events;
static unsigned log_[EVENTS];
static W counter;
/* The user's PIN and the security officer's, who has three tries, too. */
typedef struct { B text[64]; W length; } Pin;
static Pin users, officers;
static W officers_tries;
/* What tests set: a PIN pad instead of PINs, the most sessions, whether C_SignUpdate wants the PIN as SoftHSM does, whether
   a failed decryption stays active, microseconds that a login and a signature take, the most random bytes at once, the least length of a PIN
   that the card tells, whether C_SetPIN of nobody's takes a wrong PIN without a word, as tpm2-pkcs11 does, whether the PIN is to be changed
   before anything else. */
static W pad, most, early, sticky, slow, randoms, least, silent, expired;

unsigned card_set(W what, W value) {
  W *const places[] = { &pad, &most, &early, &sticky, &slow, &randoms, &least, &silent, &expired };
  *places[what] = value;
  return 0;
}
static void keep(Pin *pin, const void *text, W length) { memcpy(pin->text, text, pin->length = length); }
static int is(const Pin *pin, const B *text, W length) { return length == pin->length && !memcmp(pin->text, text, length); }
unsigned card_reset(void) {
  keep(&users, "1234", 4), keep(&officers, "87654321", 8), officers_tries = 3;
  pad = early = expired = silent = sticky = slow = randoms = events = fresh = locks = logged = 0, most = SESSIONS - 1, tries = 3, least = 4;
  return 0;
}
/* Calls that were made, each with its function's place in the list and its session. */
unsigned card_events(void) { return (unsigned)events; }
unsigned card_event(W at) { return log_[at]; }
unsigned card_locks(void) { return (unsigned)locks; }
unsigned card_tries(void) { return (unsigned)tries; }
unsigned card_officers_tries(void) { return (unsigned)officers_tries; }
unsigned card_sessions(void) {
  unsigned n = 0;
  for (int i = 1; i < SESSIONS; i++) n += sessions[i].open;
  return n;
}
unsigned card_active(void) {
  unsigned n = 0;
  for (int i = 1; i < SESSIONS; i++) n += sessions[i].open && sessions[i].active;
  return n;
}

/* Begins a function, with the lock held. */
static int enter(int fn, W s) {
  pthread_mutex_lock(&lock);
  if (events < EVENTS) log_[events++] = (unsigned)(fn << 16 | s);
  return !s || (s < SESSIONS && sessions[s].open);
}
static W leave(W rv) { return pthread_mutex_unlock(&lock), rv; }
static void rest(void) {
  for (unsigned long slept = 0; slept < slow; slept += 1000) {
    pthread_mutex_unlock(&lock), usleep(slow < 1000 ? slow : 1000), pthread_mutex_lock(&lock);
  }
}

static W unsupported(void) { return FUNCTION_NOT_SUPPORTED; }
static W f_Initialize(void *args) {
  (void)args;
  return initialized ? ALREADY_INITIALIZED : (initialized = 1, card_reset(), OK);
}
static W f_Finalize(void *args) { return (void)args, initialized = locks = 0, memset(sessions, 0, sizeof sessions), OK; }
static W f_GetInfo(B *info) { return memset(info, ' ', 88), info[0] = 2, info[1] = 40, memset(info + 36, 0, 4), OK; }
static W f_GetSlotList(B present, W *list, W *count) {
  (void)present;
  if (list && *count < 1) return TOO_SMALL;
  if (list) list[0] = 1;
  return *count = 1, OK;
}
static W f_GetSlotInfo(W slot, B *info) { return slot != 1 ? SLOT_ID_INVALID : (memset(info, 0, 112), info[96] = 1, OK); }
static W f_GetTokenInfo(W slot, B *info) {
  if (slot != 1) return SLOT_ID_INVALID;
  memset(info, 0, 208), memset(info, ' ', 96), memcpy(info, "card", 4);
  W flags = 0x40c | (pad ? 0x100 : 0) | (tries < 3 ? 0x10000 : 0) | (tries == 1 ? 0x20000 : 0) | (tries ? 0 : 0x40000);
  flags |= (officers_tries < 3 ? 0x100000 : 0) | (officers_tries == 1 ? 0x200000 : 0) | (officers_tries ? 0 : 0x400000);
  return memcpy(info + 96, &flags, sizeof flags), memcpy(info + 96 + 6 * sizeof flags, &least, sizeof least), OK;
}
static W f_OpenSession(W slot, W flags, W app, W notify, W *handle) {
  (void)app, (void)notify;
  enter(OPEN_SESSION, 0);
  if (slot != 1) return leave(SLOT_ID_INVALID);
  W at = 1;
  while (at <= most && sessions[at].open) at++;
  if (at > most) return leave(SESSION_COUNT);
  memset(&sessions[at], 0, sizeof sessions[at]);
  sessions[at].open = 1, sessions[at].writes = flags & 2 ? 1 : 0;
  return *handle = at, leave(OK);
}
static W f_CloseSession(W s) {
  if (!enter(CLOSE_SESSION, s)) return leave(SESSION_INVALID);
  sessions[s].open = 0;
  if (!card_sessions()) logged = objects = 0;
  return leave(OK);
}
static W f_GetSessionInfo(W s, W *info) {
  if (!enter(15, s)) return leave(SESSION_INVALID);
  info[0] = 1, info[1] = (sessions[s].writes ? 2 : 0) + logged, info[2] = 4 + 2 * sessions[s].writes, info[3] = 0;
  return leave(OK);
}
/* Whether a PIN is right, which costs a try where it is not. */
static W proved(int officer, const B *pin, W length) {
  W *const left = officer ? &officers_tries : &tries;
  if (!*left) return PIN_LOCKED;
  if (!pad && !is(officer ? &officers : &users, pin, length)) return --*left ? PIN_INCORRECT : PIN_LOCKED;
  return *left = 3, OK;
}
static W f_InitPIN(W s, B *pin, W length) {
  if (!enter(INIT_PIN, s)) return leave(SESSION_INVALID);
  if (logged != 2) return leave(NOT_LOGGED_IN);
  if (!pin != !!pad) return leave(ARGUMENTS_BAD);
  if (!pad) keep(&users, pin, length);
  return tries = 3, leave(OK);
}
static W f_SetPIN(W s, B *old, W old_length, B *pin, W length) {
  if (!enter(SET_PIN, s)) return leave(SESSION_INVALID);
  if (!pin != !!pad || !old != !!pad) return leave(ARGUMENTS_BAD);
  if (silent && !logged && !is(&users, old, old_length)) return leave(OK);
  W rv = proved(logged == 2, old, old_length);
  if (rv == OK) expired = 0;
  if (rv == OK && !pad) keep(logged == 2 ? &officers : &users, pin, length);
  return leave(rv);
}
static W f_Login(W s, W user, B *pin, W length) {
  if (!enter(LOGIN, s)) return leave(SESSION_INVALID);
  rest();
  if (user == 2 && (!logged || sessions[s].active != SIGN)) return leave(NO_OPERATION);
  if (user == 1 && logged) return leave(ALREADY_LOGGED_IN);
  if (!pin != !!pad) return leave(ARGUMENTS_BAD);
  W rv = proved(user == 0, pin, length);
  if (rv != OK) return leave(rv);
  if (user == 0) return logged = 2, leave(OK);
  if (expired) return leave(PIN_EXPIRED);
  if (user == 2) fresh = 1, locks++;
  return logged = 1, leave(OK);
}
static W f_Logout(W s) {
  if (!enter(LOGOUT, s)) return leave(SESSION_INVALID);
  return leave(logged ? (logged = 0, OK) : NOT_LOGGED_IN);
}
static W f_CreateObject(W s, W t, W n, W *object) {
  (void)t, (void)n;
  if (!enter(CREATE_OBJECT, s)) return leave(SESSION_INVALID);
  return *object = 3, objects = 1, leave(OK);
}
static W f_GetAttributeValue(W s, W object, W *t, W n) {
  W rv = OK;
  if (!enter(24, s)) return leave(SESSION_INVALID);
  for (; n--; t += 3) {
    const char *value = t[0] == 3 ? (object == 1 ? "signature" : "ordinary") : t[0] == 0x202 && object == 1 ? "\1" : "";
    W length = t[0] == 3 ? strlen(value) : t[0] == 0x202 ? 1 : (W)-1;
    if (length + 1 == 0) rv = ATTRIBUTE_TYPE_INVALID;
    else if (t[1] && t[2] < length) rv = TOO_SMALL, length = -1;
    else if (t[1]) memcpy((void *)t[1], value, length);
    t[2] = length;
  }
  return leave(rv);
}
static W f_FindObjectsInit(W s, W t, W n) {
  (void)t, (void)n;
  if (!enter(FIND, s)) return leave(SESSION_INVALID);
  if (sessions[s].active) return leave(OPERATION_ACTIVE);
  return sessions[s].active = FIND, sessions[s].found = 0, leave(OK);
}
static W f_FindObjects(W s, W *list, W max, W *count) {
  if (!enter(FIND + 1, s)) return leave(SESSION_INVALID);
  W all = logged ? 2 + objects : 0;
  for (*count = 0; *count < max && sessions[s].found < (int)all; ++*count) list[*count] = ++sessions[s].found;
  return leave(OK);
}
static W f_FindObjectsFinal(W s) { return enter(FIND + 2, s), sessions[s].active = 0, leave(OK); }

static W begin(int fn, W s, W key) {
  if (!enter(fn, s)) return leave(SESSION_INVALID);
  if (sessions[s].active) return leave(OPERATION_ACTIVE);
  return sessions[s].active = fn, sessions[s].key = key, leave(OK);
}
static W f_SignInit(W s, W m, W key) { return (void)m, begin(SIGN, s, key); }
/* The card is used: what the PIN was given for is over, whoever used it. */
static W use(W s) {
  W allowed = sessions[s].key != 1 || fresh;
  if (sessions[s].key == 1 && allowed) locks--;
  if (!allowed) logged = 0;
  fresh = 0, sessions[s].active = 0;
  return allowed ? OK : NOT_LOGGED_IN;
}
static W signature(int fn, W s, B *out, W *length) {
  if (!enter(fn, s)) return leave(SESSION_INVALID);
  if (sessions[s].active != SIGN) return leave(NO_OPERATION);
  if (!out || *length < 4) return *length = 4, leave(out ? TOO_SMALL : OK);
  rest();
  return memcpy(out, "sign", 4), *length = 4, leave(use(s));
}
static W f_Sign(W s, B *d, W n, B *out, W *length) { return (void)d, (void)n, signature(SIGN + 1, s, out, length); }
static W f_SignUpdate(W s, B *d, W n) {
  (void)d, (void)n;
  if (!enter(SIGN + 2, s)) return leave(SESSION_INVALID);
  if (sessions[s].active != SIGN) return leave(NO_OPERATION);
  if (early && sessions[s].key == 1 && !fresh) return sessions[s].active = 0, leave(NOT_LOGGED_IN);
  return leave(OK);
}
static W f_SignFinal(W s, B *out, W *length) { return signature(SIGN + 3, s, out, length); }

/* Encrypted is what begins with a zero. */
static W f_EncryptInit(W s, W m, W key) { return (void)m, begin(ENCRYPT, s, key); }
static W f_DecryptInit(W s, W m, W key) { return (void)m, begin(DECRYPT, s, key); }
static W copy(int fn, W s, const B *d, W n, B *out, W *length) {
  if (!enter(fn + 1, s)) return leave(SESSION_INVALID);
  if (sessions[s].active != (W)fn) return leave(NO_OPERATION);
  int bad = fn == DECRYPT && n && d[0];
  if (bad && sticky && !sessions[s].stuck) return sessions[s].stuck = 1, leave(GENERAL_ERROR);
  sessions[s].active = sessions[s].stuck = 0;
  if (!bad) memcpy(out, d, n), *length = n;
  return leave(bad ? GENERAL_ERROR : OK);
}
static W f_Encrypt(W s, B *d, W n, B *out, W *length) { return copy(ENCRYPT, s, d, n, out, length); }
static W f_Decrypt(W s, B *d, W n, B *out, W *length) { return copy(DECRYPT, s, d, n, out, length); }
static W f_DecryptFinal(W s, B *out, W *length) { return (void)out, (void)length, (void)s, NO_OPERATION; }
static W f_GenerateRandom(W s, B *out, W n) {
  if (!enter(RANDOM, s)) return leave(SESSION_INVALID);
  if (randoms && n > randoms) return leave(0x21);
  for (W i = 0; i < n; i++) out[i] = (B)++counter;
  return fresh = 0, leave(OK);
}

static struct { B major, minor; void *functions[68]; } list = { 2, 40, {
  f_Initialize, f_Finalize, f_GetInfo, 0, f_GetSlotList, f_GetSlotInfo, f_GetTokenInfo,
  [10] = f_InitPIN, f_SetPIN, f_OpenSession, f_CloseSession, [15] = f_GetSessionInfo, [18] = f_Login, f_Logout, f_CreateObject,
  [24] = f_GetAttributeValue, [26] = f_FindObjectsInit, f_FindObjects, f_FindObjectsFinal, [29] = f_EncryptInit, f_Encrypt,
  [33] = f_DecryptInit, f_Decrypt, [36] = f_DecryptFinal, [42] = f_SignInit, f_Sign, f_SignUpdate, f_SignFinal,
  [64] = f_GenerateRandom
} };
W C_GetFunctionList(void **out) {
  for (int i = 0; i < 68; i++) if (!list.functions[i]) list.functions[i] = (void *)(i == 3 ? (void *)C_GetFunctionList : unsupported);
  return *out = &list, OK;
}
