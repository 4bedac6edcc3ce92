/* SoftHSM2's module, a copy of which lies beside this as softhsm.so, with tokens that go away and come back in another slot. A token that goes takes
   its sessions with it. Self-contained. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long W;
typedef W (*F)();

enum { OK = 0, SLOT_ID_INVALID = 3, TOKEN_NOT_PRESENT = 0xe0, TOO_SMALL = 0x150 };
enum { INITIALIZE = 0, INFO = 2, SLOT_LIST = 4, SLOT_INFO, TOKEN_INFO, MECHANISM_LIST, MECHANISM_INFO, OPEN_SESSION = 12, CLOSE_SESSION, CLOSE_ALL, SESSION_INFO, LOGIN = 18, LOGOUT };
#define TOKENS 64
#define EMPTY 4000

static struct { unsigned char major, minor; F functions[68]; } *real, list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* SoftHSM2 uses sessions that another thread closes: opening, closing and logging in are done one after another. */
static pthread_mutex_t turns = PTHREAD_MUTEX_INITIALIZER;
static W in_turn(W rv) { return pthread_mutex_unlock(&turns), rv; }
#define IN_TURN(call) (pthread_mutex_lock(&turns), in_turn(call))
/* Which slot each token of SoftHSM2 is shown in; 0 where it is away. */
static struct { W token, slot; } places[TOKENS];
static W known, logins;

static W shown(W token) {
  W slot = token;
  pthread_mutex_lock(&lock);
  for (W i = 0; i < known; i++) if (places[i].token == token) slot = places[i].slot;
  return pthread_mutex_unlock(&lock), slot;
}
/* The token in a slot, or EMPTY. */
static W token_in(W slot) {
  W tokens[TOKENS], count = TOKENS;
  if (real->functions[SLOT_LIST](1, tokens, &count) != OK) return EMPTY;
  for (W i = 0; i < count; i++) if (shown(tokens[i]) == slot) return tokens[i];
  return EMPTY;
}
/* Puts the token of a slot into another one; 0 takes it away. */
unsigned moving_put(W from, W to) {
  W token = EMPTY, at = 0;
  for (W i = 0; i < known; i++) if (places[i].slot == from) token = places[i].token;
  if (token == EMPTY) token = from;
  IN_TURN(real->functions[CLOSE_ALL](token));
  pthread_mutex_lock(&lock);
  while (at < known && places[at].token != token) at++;
  if (at == known) known++;
  places[at].token = token, places[at].slot = to;
  return pthread_mutex_unlock(&lock), 0;
}
unsigned moving_logins(void) { return (unsigned)logins; }

static W f_GetSlotList(unsigned char present, W *slots, W *count) {
  W tokens[TOKENS], all = TOKENS, n = 0, rv = real->functions[SLOT_LIST](1, tokens, &all);
  if (rv != OK) return rv;
  for (W i = 0; i < all; i++) if (shown(tokens[i])) tokens[n++] = shown(tokens[i]);
  if (slots && *count < n) return *count = n, TOO_SMALL;
  if (slots) memcpy(slots, tokens, n * sizeof *slots);
  return *count = n, OK;
}
#define IN_SLOT(name, n, params, args)                                                    \
  static W f_##name params {                                                              \
    W token = token_in(slot);                                                             \
    return token == EMPTY ? TOKEN_NOT_PRESENT : IN_TURN(real->functions[n] args);         \
  }
IN_SLOT(GetSlotInfo, SLOT_INFO, (W slot, void *info), (token, info))
static W broken, answer;
/* C_GetTokenInfo answers `rv` for a slot; 0 for none. */
unsigned moving_break(W slot, W rv) { return broken = slot, answer = rv, 0; }
IN_SLOT(TellTokenInfo, TOKEN_INFO, (W slot, void *info), (token, info))
static W f_GetTokenInfo(W slot, void *info) { return broken && slot == broken ? answer : f_TellTokenInfo(slot, info); }
IN_SLOT(GetMechanismList, MECHANISM_LIST, (W slot, W *types, W *count), (token, types, count))
IN_SLOT(GetMechanismInfo, MECHANISM_INFO, (W slot, W type, void *info), (token, type, info))
IN_SLOT(OpenSession, OPEN_SESSION, (W slot, W flags, void *app, void *notify, W *session), (token, flags, app, notify, session))
IN_SLOT(CloseAllSessions, CLOSE_ALL, (W slot), (token))
static W f_GetSessionInfo(W session, W *info) {
  W rv = real->functions[SESSION_INFO](session, info);
  if (rv == OK) info[0] = shown(info[0]);
  return rv;
}
static W f_Login(W session, W user, unsigned char *pin, W length) {
  return logins++, IN_TURN(real->functions[LOGIN](session, user, pin, length));
}
static W f_CloseSession(W session) { return IN_TURN(real->functions[CLOSE_SESSION](session)); }

/* GnuTLS takes modules whose CK_INFO is the same for one: the manufacturer's identifier begins with another letter. */
static W f_GetInfo(char *info) {
  W rv = real->functions[INFO](info);
  if (rv == OK) info[2] = 'M';
  return rv;
}

W C_GetFunctionList(void **out) {
  if (!real) {
    char path[4096];
    Dl_info this;
    dladdr((void *)C_GetFunctionList, &this);
    snprintf(path, sizeof path, "%.*s/softhsm.so", (int)(strrchr(this.dli_fname, '/') - this.dli_fname), this.dli_fname);
    F get = (F)dlsym(dlopen(path, RTLD_NOW | RTLD_LOCAL), "C_GetFunctionList");
    get(&real);
    memcpy(&list, real, sizeof list);
    list.functions[SLOT_LIST] = (F)f_GetSlotList, list.functions[SLOT_INFO] = (F)f_GetSlotInfo;
    list.functions[TOKEN_INFO] = (F)f_GetTokenInfo, list.functions[MECHANISM_LIST] = (F)f_GetMechanismList;
    list.functions[MECHANISM_INFO] = (F)f_GetMechanismInfo, list.functions[OPEN_SESSION] = (F)f_OpenSession;
    list.functions[CLOSE_ALL] = (F)f_CloseAllSessions, list.functions[SESSION_INFO] = (F)f_GetSessionInfo;
    list.functions[INFO] = (F)f_GetInfo, list.functions[LOGIN] = (F)f_Login, list.functions[CLOSE_SESSION] = (F)f_CloseSession, list.functions[3] = (F)C_GetFunctionList;
  }
  return *out = &list, OK;
}
