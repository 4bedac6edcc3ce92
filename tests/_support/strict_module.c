/* A PKCS#11 module for tests that follows the standard's rules about operations to the letter, notices when two calls
   meet on one session or C_Finalize meets a call, and blocks, fails or lies on command. Self-contained: it is older and
   newer than any header. VERSION 302 exports C_GetInterface with the 104 functions of 3.2, VERSION 240 has the 68 of 2.40. */
#include <pthread.h>
#include <string.h>

#ifndef VERSION
#define VERSION 302
#endif

typedef unsigned long W;
typedef unsigned char B;

enum {
  OK = 0, GENERAL_ERROR = 5, ARGUMENTS_BAD = 7, FUNCTION_FAILED = 6, NOT_SUPPORTED = 0x54, OPERATION_ACTIVE = 0x90,
  NOT_INITIALIZED_OPERATION = 0x91, SESSION_INVALID = 0xb3, SIGNATURE_INVALID = 0xc0, BUFFER_TOO_SMALL = 0x150,
  DATA_LEN_RANGE = 0x21, ATTRIBUTE_SENSITIVE = 0x11, ATTRIBUTE_TYPE_INVALID = 0x12, PARAMETER_INVALID = 0x71, OBJECT_HANDLE_INVALID = 0x82,
  CRYPTOKI_NOT_INITIALIZED = 0x190, CRYPTOKI_ALREADY_INITIALIZED = 0x191, SLOT_ID_INVALID = 3, NO_EVENT = 8
};

#define NAMES(X) \
  X(Initialize) X(Finalize) X(GetInfo) X(GetFunctionList) X(GetSlotList) X(GetSlotInfo) X(GetTokenInfo) \
  X(GetMechanismList) X(GetMechanismInfo) X(InitToken) X(InitPIN) X(SetPIN) X(OpenSession) X(CloseSession) \
  X(CloseAllSessions) X(GetSessionInfo) X(GetOperationState) X(SetOperationState) X(Login) X(Logout) X(CreateObject) \
  X(CopyObject) X(DestroyObject) X(GetObjectSize) X(GetAttributeValue) X(SetAttributeValue) X(FindObjectsInit) \
  X(FindObjects) X(FindObjectsFinal) X(EncryptInit) X(Encrypt) X(EncryptUpdate) X(EncryptFinal) X(DecryptInit) \
  X(Decrypt) X(DecryptUpdate) X(DecryptFinal) X(DigestInit) X(Digest) X(DigestUpdate) X(DigestKey) X(DigestFinal) \
  X(SignInit) X(Sign) X(SignUpdate) X(SignFinal) X(SignRecoverInit) X(SignRecover) X(VerifyInit) X(Verify) \
  X(VerifyUpdate) X(VerifyFinal) X(VerifyRecoverInit) X(VerifyRecover) X(DigestEncryptUpdate) X(DecryptDigestUpdate) \
  X(SignEncryptUpdate) X(DecryptVerifyUpdate) X(GenerateKey) X(GenerateKeyPair) X(WrapKey) X(UnwrapKey) X(DeriveKey) \
  X(SeedRandom) X(GenerateRandom) X(GetFunctionStatus) X(CancelFunction) X(WaitForSlotEvent) X(GetInterfaceList) \
  X(GetInterface) X(LoginUser) X(SessionCancel) X(MessageEncryptInit) X(EncryptMessage) X(EncryptMessageBegin) \
  X(EncryptMessageNext) X(MessageEncryptFinal) X(MessageDecryptInit) X(DecryptMessage) X(DecryptMessageBegin) \
  X(DecryptMessageNext) X(MessageDecryptFinal) X(MessageSignInit) X(SignMessage) X(SignMessageBegin) \
  X(SignMessageNext) X(MessageSignFinal) X(MessageVerifyInit) X(VerifyMessage) X(VerifyMessageBegin) \
  X(VerifyMessageNext) X(MessageVerifyFinal) X(EncapsulateKey) X(DecapsulateKey) X(VerifySignatureInit) \
  X(VerifySignature) X(VerifySignatureUpdate) X(VerifySignatureFinal) X(GetSessionValidationFlags) X(AsyncComplete) \
  X(AsyncGetID) X(AsyncJoin) X(WrapKeyAuthenticated) X(UnwrapKeyAuthenticated)
#define ENTRY(name) name,
enum { NAMES(ENTRY) COUNT };
#define TEXT(name) "C_" #name,
static const char *const names[] = { NAMES(TEXT) };

#define SESSIONS 256
enum { ENCRYPT = 0x100, DECRYPT = 0x200, DIGEST = 0x400, SIGN = 0x800, VERIFY = 0x2000, FIND = 0x40,
       MESSAGE_ENCRYPT = 2, MESSAGE_DECRYPT = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct { int open, inFlight, parts; W active, found, kept; } sessions[SESSIONS];
static struct { W calls, fail, after, times; int block; } plans[COUNT];
static W overlaps, finalizedInFlight, inFlight, blocked, handles = 1000, destroyed, initialized, openSessions;
/* What tests set: sizes of results, ways to lie, whether failures leave operations active, where the value of every
   object lies with its bits inverted. */
static W output, announce = 1, lie, sticky, objects = 3, alwaysAuthenticate, uneven, secret, secretLength, habits,
  readers = 1, event;

/* Bits of `habits`, beside those of attributes below. */
enum { ENDS_WHEN_TOO_SMALL = 128, MADE_BY_MOZILLA = 8, WANTS_BLOCKS = 16, GIVES_AT_THE_END = 32,
       PADS_WITH_NUL = 64, FINDS_FOR_EVER = 256, WANTS_ROOM_FOR_ALL = 512 };

/* Commands */
static int index_of(const char *name) {
  for (int i = 0; i < COUNT; i++) if (!strcmp(names[i], name)) return i;
  return 0;
}
unsigned strict_calls(W name) { return (unsigned)plans[index_of((char *)name)].calls; }
unsigned strict_fail(W name, W rv, W after, W times) {
  int i = index_of((char *)name);
  plans[i].fail = rv, plans[i].after = after, plans[i].times = times;
  return 0;
}
unsigned strict_block(W name) { return plans[index_of((char *)name)].block = 1, 0; }
unsigned strict_blocked(void) { return (unsigned)blocked; }
unsigned strict_release(void) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < COUNT; i++) plans[i].block = 0;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return 0;
}
unsigned strict_set(W what, W value) {
  W *const places[] = { &output, &announce, &lie, &sticky, &objects, &alwaysAuthenticate, &uneven, &secret, &secretLength,
    &habits, &readers, &event };
  *places[what] = value;
  return 0;
}
unsigned strict_reset(void) {
  memset(plans, 0, sizeof plans);
  output = lie = sticky = alwaysAuthenticate = uneven = secret = habits = event = 0, announce = readers = 1, objects = 3;
  return 0;
}
unsigned strict_overlaps(void) { return (unsigned)(overlaps + finalizedInFlight); }
unsigned strict_live_objects(void) { return (unsigned)(handles - 1000 - destroyed); }
unsigned strict_sessions(void) { return (unsigned)openSessions; }
unsigned strict_active(void) {
  unsigned n = 0;
  for (int i = 0; i < SESSIONS; i++) n += sessions[i].open && sessions[i].active;
  return n;
}

/* Every function begins here and ends in leave(): session 0 is none. */
static W enter(int fn, W session) {
  W rv = OK;
  pthread_mutex_lock(&lock);
  plans[fn].calls++;
  inFlight++;
  if (session && session < SESSIONS && sessions[session].inFlight++) overlaps++;
  if (plans[fn].block) {
    blocked++;
    while (plans[fn].block) pthread_cond_wait(&changed, &lock);
    blocked--;
  }
  if (!initialized && fn != Initialize) rv = CRYPTOKI_NOT_INITIALIZED;
  else if (session && (session >= SESSIONS || !sessions[session].open)) rv = SESSION_INVALID;
  else if (plans[fn].times && plans[fn].after) plans[fn].after--;
  else if (plans[fn].times) plans[fn].times--, rv = plans[fn].fail;
  pthread_mutex_unlock(&lock);
  return rv;
}
static W leave(W session, W rv) {
  pthread_mutex_lock(&lock);
  inFlight--;
  if (session && session < SESSIONS) sessions[session].inFlight--;
  pthread_mutex_unlock(&lock);
  return rv;
}
#define PLAIN(fn, session, ...) \
  W rv = enter(fn, session); \
  if (rv == OK) { __VA_ARGS__ } \
  return leave(session, rv)

/* Operations */
static W begin(int fn, W session, const W *mechanism, W kind) {
  static const W none[3];
  const W *m = mechanism ? mechanism : none;
  int bare = m[0] == 0x250 || m[0] == 0x251;
  PLAIN(fn, session, if (bare ? m[1] || m[2] : !m[1] != !m[2]) rv = PARAMETER_INVALID;
        else if (sessions[session].active) rv = OPERATION_ACTIVE;
        else sessions[session].active = kind, sessions[session].parts = sessions[session].kept = 0;);
}
static W over(W session, W rv) {
  if ((rv == BUFFER_TOO_SMALL && !(habits & ENDS_WHEN_TOO_SMALL)) || (sticky && rv != OK)) return rv;
  sessions[session].active = 0;
  return rv;
}
/* Gives `length` bytes made of `data`, as the standard says results are given; lies if told to. */
static W give(const B *data, W length, B *to, W *room) {
  if (output) length = output;
  if (lie) return *room = lie, OK;
  if (to && *room < length) {
    if (announce) *room = length;
    return BUFFER_TOO_SMALL;
  }
  if (to) for (W i = 0; i < length; i++) to[i] = data ? data[i] ^ 0x5a : (B)i;
  if (!to || !(habits & 8)) *room = length;
  return to && habits & 4 ? FUNCTION_FAILED : OK;
}
static W once(int fn, W session, W kind, const B *data, W length, B *to, W *room) {
  W rv = enter(fn, session);
  if (rv == CRYPTOKI_NOT_INITIALIZED || rv == SESSION_INVALID) return leave(session, rv);
  if (sessions[session].active != kind) return leave(session, NOT_INITIALIZED_OPERATION);
  if (sessions[session].parts) return leave(session, OPERATION_ACTIVE);
  if (rv == OK) rv = give(data, length, to, room);
  return leave(session, !to && rv == OK ? rv : over(session, rv));
}
static W update(int fn, W session, W kind, const B *data, W length, B *to, W *room) {
  W rv = enter(fn, session);
  if (rv == CRYPTOKI_NOT_INITIALIZED || rv == SESSION_INVALID) return leave(session, rv);
  if (sessions[session].active != kind) return leave(session, NOT_INITIALIZED_OPERATION);
  sessions[session].parts = 1;
  if (rv == OK && room && habits & WANTS_BLOCKS && length % 16) rv = DATA_LEN_RANGE;
  if (rv == OK && habits & WANTS_ROOM_FOR_ALL && room && *room < sessions[session].kept + length)
    return *room = sessions[session].kept + length, leave(session, BUFFER_TOO_SMALL);
  if (habits & GIVES_AT_THE_END && room) sessions[session].kept += length, length = 0;
  if (rv == OK && room) rv = give(data, length, to, room);
  return leave(session, rv == OK ? rv : over(session, rv));
}
static W final(int fn, W session, W kind, W length, B *to, W *room) {
  W rv = enter(fn, session);
  if (rv == CRYPTOKI_NOT_INITIALIZED || rv == SESSION_INVALID) return leave(session, rv);
  if (sessions[session].active != kind) return leave(session, NOT_INITIALIZED_OPERATION);
  if (habits & GIVES_AT_THE_END && kind & (ENCRYPT | DECRYPT)) length = sessions[session].kept;
  if (rv == OK && room) rv = give(NULL, length, to, room);
  return leave(session, over(session, rv));
}

#define CIPHER(Verb, KIND) \
  static W f_##Verb##Init(W s, W *m, W k) { return (void)k, begin(Verb##Init, s, m, KIND); } \
  static W f_##Verb(W s, B *d, W n, B *o, W *l) { return once(Verb, s, KIND, d, n, o, l); } \
  static W f_##Verb##Update(W s, B *d, W n, B *o, W *l) { return update(Verb##Update, s, KIND, d, n, o, l); } \
  static W f_##Verb##Final(W s, B *o, W *l) { return final(Verb##Final, s, KIND, 0, o, l); }
CIPHER(Encrypt, ENCRYPT)
CIPHER(Decrypt, DECRYPT)
#define HASH(Verb, KIND, LENGTH) \
  static W f_##Verb##Init(W s, W *m, W k) { return (void)k, begin(Verb##Init, s, m, KIND); } \
  static W f_##Verb(W s, B *d, W n, B *o, W *l) { return (void)d, (void)n, once(Verb, s, KIND, NULL, LENGTH, o, l); } \
  static W f_##Verb##Update(W s, B *d, W n) { return update(Verb##Update, s, KIND, d, n, NULL, NULL); } \
  static W f_##Verb##Final(W s, B *o, W *l) { return final(Verb##Final, s, KIND, LENGTH, o, l); }
HASH(Digest, DIGEST, 32)
HASH(Sign, SIGN, 64)
static W f_VerifyInit(W s, W *m, W k) { return (void)k, begin(VerifyInit, s, m, VERIFY); }
static W f_Verify(W s, B *d, W n, B *signature, W length) {
  (void)d, (void)n;
  W rv = enter(Verify, s);
  if (rv == OK && sessions[s].active != VERIFY) return leave(s, NOT_INITIALIZED_OPERATION);
  if (rv == OK && sessions[s].parts) return leave(s, OPERATION_ACTIVE);
  if (rv == OK && (length != 64 || signature[63] != 63)) rv = SIGNATURE_INVALID;
  return leave(s, over(s, rv));
}
static W f_VerifyUpdate(W s, B *d, W n) { return update(VerifyUpdate, s, VERIFY, d, n, NULL, NULL); }
static W f_VerifyFinal(W s, B *signature, W length) {
  W rv = enter(VerifyFinal, s);
  if (rv == OK && sessions[s].active != VERIFY) return leave(s, NOT_INITIALIZED_OPERATION);
  if (rv == OK && (length != 64 || signature[63] != 63)) rv = SIGNATURE_INVALID;
  return leave(s, over(s, rv));
}
static W f_VerifySignatureInit(W s, W *m, W k, B *signature, W length) {
  return (void)k, (void)signature, (void)length, begin(VerifySignatureInit, s, m, VERIFY);
}
static W f_VerifySignature(W s, B *d, W n) { return (void)d, (void)n, final(VerifySignature, s, VERIFY, 0, NULL, NULL); }
static W f_VerifySignatureUpdate(W s, B *d, W n) { return update(VerifySignatureUpdate, s, VERIFY, d, n, NULL, NULL); }
static W f_VerifySignatureFinal(W s) { return final(VerifySignatureFinal, s, VERIFY, 0, NULL, NULL); }

static W f_MessageEncryptInit(W s, W *m, W k) { return (void)k, begin(MessageEncryptInit, s, m, MESSAGE_ENCRYPT); }
static W f_MessageDecryptInit(W s, W *m, W k) { return (void)k, begin(MessageDecryptInit, s, m, MESSAGE_DECRYPT); }
static W message(int fn, W s, W kind, const B *d, W n, B *o, W *l) {
  PLAIN(fn, s, rv = sessions[s].active == kind ? give(d, n, o, l) : NOT_INITIALIZED_OPERATION;);
}
static W f_EncryptMessage(W s, W p, W pn, W a, W an, B *d, W n, B *o, W *l) {
  if ((p && !pn) || (a && !an)) return ARGUMENTS_BAD;
  return message(EncryptMessage, s, MESSAGE_ENCRYPT, d, n, o, l);
}
static W f_DecryptMessage(W s, W p, W pn, W a, W an, B *d, W n, B *o, W *l) {
  if ((p && !pn) || (a && !an)) return ARGUMENTS_BAD;
  return message(DecryptMessage, s, MESSAGE_DECRYPT, d, n, o, l);
}
static W f_MessageEncryptFinal(W s) { return final(MessageEncryptFinal, s, MESSAGE_ENCRYPT, 0, NULL, NULL); }
static W f_MessageDecryptFinal(W s) { return final(MessageDecryptFinal, s, MESSAGE_DECRYPT, 0, NULL, NULL); }
static W f_SessionCancel(W s, W flags) {
  PLAIN(SessionCancel, s, if (sessions[s].active & flags) sessions[s].active = 0; else rv = NOT_INITIALIZED_OPERATION;);
}

static W f_FindObjectsInit(W s, W t, W n) {
  (void)t, (void)n;
  if (s < SESSIONS) sessions[s].found = 0;
  return begin(FindObjectsInit, s, NULL, FIND);
}
static W f_FindObjects(W s, W *list, W max, W *count) {
  PLAIN(FindObjects, s, if (sessions[s].active != FIND) rv = NOT_INITIALIZED_OPERATION; else {
    for (*count = 0; *count < max && (sessions[s].found < objects || habits & FINDS_FOR_EVER); ++*count)
      list[*count] = 1 + sessions[s].found++ % objects;
    if (lie) *count = lie;
  });
}
static W f_FindObjectsFinal(W s) { return final(FindObjectsFinal, s, FIND, 0, NULL, NULL); }

/* Objects */
static W made(int fn, W s, W *handle) {
  PLAIN(fn, s, pthread_mutex_lock(&lock); *handle = handles++; pthread_mutex_unlock(&lock););
}
static W f_CreateObject(W s, W t, W n, W *h) { return (void)t, (void)n, made(CreateObject, s, h); }
static W f_CopyObject(W s, W o, W t, W n, W *h) { return (void)o, (void)t, (void)n, made(CopyObject, s, h); }
static W f_GenerateKey(W s, W m, W t, W n, W *h) { return (void)m, (void)t, (void)n, made(GenerateKey, s, h); }
static W f_GenerateKeyPair(W s, W m, W t, W n, W u, W v, W *a, W *b) {
  (void)m, (void)t, (void)n, (void)u, (void)v;
  PLAIN(GenerateKeyPair, s, *a = handles++; *b = handles++;);
}
static W f_DeriveKey(W s, W m, W k, W t, W n, W *h) { return (void)m, (void)k, (void)t, (void)n, made(DeriveKey, s, h); }
static W f_WrapKey(W s, W m, W w, W k, B *o, W *l) {
  (void)m, (void)w, (void)k;
  PLAIN(WrapKey, s, rv = give(NULL, 40, o, l););
}
static W f_UnwrapKey(W s, W m, W k, B *d, W dn, W t, W n, W *h) {
  return (void)m, (void)k, (void)d, (void)dn, (void)t, (void)n, made(UnwrapKey, s, h);
}
static W f_WrapKeyAuthenticated(W s, W m, W w, W k, B *a, W an, B *o, W *l) {
  (void)m, (void)w, (void)k;
  PLAIN(WrapKeyAuthenticated, s, rv = a && !an ? ARGUMENTS_BAD : give(a, an, o, l););
}
static W f_UnwrapKeyAuthenticated(W s, W m, W k, B *d, W dn, W t, W n, B *a, W an, W *h) {
  return (void)m, (void)k, (void)d, (void)dn, (void)t, (void)n, (void)a, (void)an, made(UnwrapKeyAuthenticated, s, h);
}
static W f_EncapsulateKey(W s, W m, W k, W t, W n, B *o, W *l, W *h) {
  (void)m, (void)k, (void)t, (void)n;
  PLAIN(EncapsulateKey, s, rv = give(NULL, 48, o, l); if (rv == OK) *h = handles++;);
}
static W f_DecapsulateKey(W s, W m, W k, W t, W n, B *c, W cn, W *h) {
  (void)m, (void)k, (void)t, (void)n;
  if (cn != 48 || c[47] != 47) return ARGUMENTS_BAD;
  return made(DecapsulateKey, s, h);
}
static W f_DestroyObject(W s, W o) { (void)o; PLAIN(DestroyObject, s, destroyed++;); }
/* Objects whose attributes have nothing in common. `uneven` 2 claims success for what did not fit, 3 the same without its
   length, 4 lets values grow from call to call, 5 shrink to nothing. Of `habits` 1 sets pValue of what is missing to NULL,
   2 leaves ulValueLen as it is where the value fits, 4 gives results and says then that it failed, 8 tells the room as the length of a result. */
static W uneven_length(W o, W type) {
  static const W lengths[] = { 0, 1, 6, 31, 32, 33, 100, 700, 3000, 66000, -1, -2, 12, 12, 12, 12 };
  if (type == 0) return sizeof(W);
  return o % 64 < 16 ? 12 : lengths[(o * 31 + type * 7 + (o * type >> 3)) % 16];
}
static W uneven_attributes(W o, W *t, W n) {
  W rv = OK;
  if (o % 13 == 5) return OBJECT_HANDLE_INVALID;
  for (W i = 0; i < n; i++, t += 3) {
    W length = uneven_length(o, t[0]), calls = plans[GetAttributeValue].calls;
    if (length + 2 < 2) {
      rv = t[0] == 0x11 ? ATTRIBUTE_SENSITIVE : ATTRIBUTE_TYPE_INVALID, t[2] = -1;
      if (habits & 1) t[1] = 0;
      continue;
    }
    if (uneven == 4 && t[0]) length += calls % 5 * 40;
    if (uneven == 5 && t[0] && calls % 3 == 0) length = 0;
    int fits = t[1] && t[2] >= length;
    if (t[1] && !fits && uneven != 2 && uneven != 3) rv = BUFFER_TOO_SMALL;
    for (W at = 0; fits && at < length; at++) ((B *)t[1])[at] = t[0] ? 32 + (o * 5 + t[0] + at) % 90 : at ? 0 : o % 256;
    if (!fits || !(habits & 2)) t[2] = t[1] && !fits && uneven == 3 ? -1 : length;
  }
  return rv;
}
static W f_GetAttributeValue(W s, W o, W *t, W n) {
  if (uneven) { PLAIN(GetAttributeValue, s, rv = uneven_attributes(o, t, n);); }
  PLAIN(GetAttributeValue, s, for (W i = 0; i < n; i++, t += 3) {
    const char *value = t[0] == 0x202 ? (alwaysAuthenticate ? "\1" : "\0") : "strict";
    W length = t[0] == 0x202 ? 1 : 6;
    if (lie) { t[2] = lie; continue; }
    if (t[0] == 0x11 && secret) {
      if (t[1] && t[2] < secretLength) rv = BUFFER_TOO_SMALL;
      else if (t[1]) for (W at = 0; at < secretLength; at++) ((B *)t[1])[at] = ~((B *)secret)[at];
      t[2] = secretLength;
      continue;
    }
    if (t[1] && t[2] < length) rv = BUFFER_TOO_SMALL;
    else if (t[1]) memcpy((void *)t[1], value, length);
    t[2] = length;
  });
}
static W f_SetAttributeValue(W s, W o, W t, W n) { (void)o, (void)t, (void)n; PLAIN(SetAttributeValue, s, ;); }
static W f_GenerateRandom(W s, B *to, W n) { PLAIN(GenerateRandom, s, memset(to, 7, n);); }
static W f_SeedRandom(W s, B *d, W n) { (void)d, (void)n; PLAIN(SeedRandom, s, ;); }
static W f_GetOperationState(W s, B *o, W *l) { PLAIN(GetOperationState, s, rv = give(NULL, 16, o, l);); }

/* Module, slot, sessions */
static W f_Initialize(void *args) {
  (void)args;
  PLAIN(Initialize, 0, if (initialized) rv = CRYPTOKI_ALREADY_INITIALIZED; else initialized = 1;);
}
static W f_Finalize(void *reserved) {
  (void)reserved;
  W rv = enter(Finalize, 0);
  pthread_mutex_lock(&lock);
  if (inFlight > 1) finalizedInFlight++;
  if (rv == OK) initialized = 0, openSessions = 0, memset(sessions, 0, sizeof sessions);
  pthread_mutex_unlock(&lock);
  return leave(0, rv);
}
static W f_GetInfo(B *info) {
  PLAIN(GetInfo, 0, memset(info, 0, 88); info[0] = VERSION / 100; info[1] = VERSION % 100; memset(info + 2, ' ', 32);
        if (habits & MADE_BY_MOZILLA) memcpy(info + 2, "Mozilla", 7););
}
/* Slot 5 is always there, with a token while `readers` has bit 1; slot 6 is there with bit 2. New slots are looked for when
   the length is asked for, as the standard has it. */
static W f_GetSlotList(B present, W *list, W *count) {
  static W looked = 1;
  PLAIN(GetSlotList, 0, if (lie) *count = lie; else {
    if (!list) looked = readers;
    W found[2], n = 0;
    if (!present || readers & 1) found[n++] = 5;
    if (looked & 2) found[n++] = 6;
    if (list && *count < n) rv = BUFFER_TOO_SMALL;
    else if (list) memcpy(list, found, n * sizeof *list);
    *count = n;
  });
}
static W f_WaitForSlotEvent(W flags, W *slot, void *reserved) {
  (void)flags, (void)reserved;
  PLAIN(WaitForSlotEvent, 0, *slot = event; if (!event) rv = NO_EVENT; event = 0;);
}
static W f_GetSlotInfo(W slot, B *info) {
  PLAIN(GetSlotInfo, 0, if (slot != 5) rv = SLOT_ID_INVALID; else memset(info, 0, 112), info[96] = 1;);
}
static W f_GetTokenInfo(W slot, B *info) {
  PLAIN(GetTokenInfo, 0, if (slot != 5) rv = SLOT_ID_INVALID; else {
    memset(info, 0, 208);
    memset(info, ' ', 96);
    memcpy(info, "strict", 6);
    if (habits & PADS_WITH_NUL) memset(info + 6, 0, 26);
    info[96] = 0xc, info[97] = 4;
  });
}
static W f_GetMechanismList(W slot, W *list, W *count) {
  PLAIN(GetMechanismList, 0, if (slot != 5) rv = SLOT_ID_INVALID; else {
    if (list && *count < 2) rv = BUFFER_TOO_SMALL;
    else if (list) list[0] = 0x1087, list[1] = 0x251;
    *count = lie ? lie : 2;
  });
}
static W f_OpenSession(W slot, W flags, W app, W notify, W *handle) {
  (void)flags, (void)app, (void)notify;
  PLAIN(OpenSession, 0, if (slot != 5) rv = SLOT_ID_INVALID; else {
    pthread_mutex_lock(&lock);
    W i = 1;
    while (i < SESSIONS && sessions[i].open) i++;
    if (i == SESSIONS) rv = 0xb1;
    else memset(&sessions[i], 0, sizeof sessions[i]), sessions[i].open = 1, openSessions++, *handle = i;
    pthread_mutex_unlock(&lock);
  });
}
static W f_CloseSession(W s) {
  PLAIN(CloseSession, s, pthread_mutex_lock(&lock); sessions[s].open = 0; sessions[s].active = 0; openSessions--;
        pthread_mutex_unlock(&lock););
}
static W f_GetSessionInfo(W s, W *info) {
  PLAIN(GetSessionInfo, s, info[0] = 5; info[1] = 2; info[2] = 6; info[3] = 0;);
}
static W f_Login(W s, W user, B *pin, W n) { (void)user, (void)pin, (void)n; PLAIN(Login, s, ;); }
static W f_Logout(W s) { PLAIN(Logout, s, ;); }
static W f_PIN(W s) { PLAIN(InitPIN, s, ;); }
static W f_SetPIN(W s) { PLAIN(SetPIN, s, ;); }

/* Tables */
struct list { B major, minor; void *functions[COUNT]; };
static struct list list = { VERSION / 100, VERSION % 100, {
#define AT(name) [name] = (void *)f_##name,
  AT(Initialize) AT(Finalize) AT(GetInfo) AT(GetSlotList) AT(GetSlotInfo) AT(GetTokenInfo) AT(GetMechanismList)
  AT(OpenSession) AT(CloseSession) AT(GetSessionInfo) AT(Login) AT(Logout) AT(CreateObject) AT(CopyObject)
  AT(DestroyObject) AT(GetAttributeValue) AT(SetAttributeValue) AT(FindObjectsInit) AT(FindObjects) AT(FindObjectsFinal)
  AT(EncryptInit) AT(Encrypt) AT(EncryptUpdate) AT(EncryptFinal) AT(DecryptInit) AT(Decrypt) AT(DecryptUpdate)
  AT(DecryptFinal) AT(DigestInit) AT(Digest) AT(DigestUpdate) AT(DigestFinal) AT(SignInit) AT(Sign) AT(SignUpdate)
  AT(SignFinal) AT(VerifyInit) AT(Verify) AT(VerifyUpdate) AT(VerifyFinal) AT(GenerateKey) AT(GenerateKeyPair)
  AT(WrapKey) AT(UnwrapKey) AT(DeriveKey) AT(SeedRandom) AT(GenerateRandom) AT(GetOperationState)
  [InitPIN] = (void *)f_PIN, AT(SetPIN)
#if VERSION >= 300
  AT(WaitForSlotEvent) AT(SessionCancel) AT(MessageEncryptInit) AT(EncryptMessage) AT(MessageEncryptFinal) AT(MessageDecryptInit)
  AT(DecryptMessage) AT(MessageDecryptFinal) AT(EncapsulateKey) AT(DecapsulateKey) AT(VerifySignatureInit)
  AT(VerifySignature) AT(VerifySignatureUpdate) AT(VerifySignatureFinal) AT(WrapKeyAuthenticated)
  AT(UnwrapKeyAuthenticated)
#endif
} };
W C_GetFunctionList(void **out) { return *out = &list, OK; }
#if VERSION >= 300
W C_GetInterface(const char *name, B *version, void ***out, W flags) {
  static void *interface[3] = { "PKCS 11", &list, 0 };
  (void)version, (void)flags;
  if (name && strcmp(name, "PKCS 11")) return ARGUMENTS_BAD;
  return *out = interface, OK;
}
#endif
