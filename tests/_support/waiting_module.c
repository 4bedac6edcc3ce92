/* SoftHSM2 with a C_Sign that waits until so many have come, so that a test sees them side by side, that takes as long as
   those of cards do, or that fails as if the token had gone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef unsigned long CK_RV;
typedef CK_RV (*Sign)(unsigned long, void *, unsigned long, void *, void *);
typedef CK_RV (*Login)(unsigned long, unsigned long, void *, unsigned long);
typedef CK_RV (*Open)(unsigned long, unsigned long, void *, void *, void *);
typedef CK_RV (*Close)(unsigned long);
typedef CK_RV (*Info)(char *);
struct list { unsigned char version[8]; void *functions[68]; };

static struct list own;
static Sign real_sign;
static Login real_login;
static Open real_open;
static Close real_close;
static Info real_info;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int wanted, inside, most;
static unsigned long pause_ms, failure;
static unsigned logins, sessions;

void waiting_set(unsigned long count) {
  pthread_mutex_lock(&lock);
  wanted = (int)count;
  most = inside;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

void waiting_pause(unsigned long milliseconds) { pause_ms = milliseconds; }
void waiting_fail(unsigned long rv) { failure = rv; }

unsigned waiting_logins(void) { return logins; }
unsigned waiting_sessions(void) { return sessions; }
unsigned waiting_inside(void) { return (unsigned)inside; }
unsigned waiting_most(void) { return (unsigned)most; }

static CK_RV waiting_sign(unsigned long session, void *data, unsigned long size, void *signature, void *length) {
  pthread_mutex_lock(&lock);
  inside++;
  if (inside > most) most = inside;
  pthread_cond_broadcast(&changed);
  while (most < wanted) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  /* A question for the length alone signs nothing. */
  if (signature && pause_ms) {
    struct timespec time = { pause_ms / 1000, pause_ms % 1000 * 1000000L };
    nanosleep(&time, 0);
  }
  CK_RV rv = real_sign(session, data, size, signature, length);
  if (signature && failure) rv = failure;
  pthread_mutex_lock(&lock);
  inside--;
  pthread_mutex_unlock(&lock);
  return rv;
}

static CK_RV counted_login(unsigned long session, unsigned long user, void *pin, unsigned long size) {
  __atomic_add_fetch(&logins, 1, __ATOMIC_RELAXED);
  return real_login(session, user, pin, size);
}

static CK_RV counted_open(unsigned long slot, unsigned long flags, void *data, void *notify, void *session) {
  CK_RV rv = real_open(slot, flags, data, notify, session);
  if (rv == 0) __atomic_add_fetch(&sessions, 1, __ATOMIC_RELAXED);
  return rv;
}

static CK_RV counted_close(unsigned long session) {
  CK_RV rv = real_close(session);
  if (rv == 0) __atomic_sub_fetch(&sessions, 1, __ATOMIC_RELAXED);
  return rv;
}

/* GnuTLS takes modules that tell the same of themselves for one: each of these has a manufacturer of its own. */
static CK_RV own_info(char *info) {
  CK_RV rv = real_info(info);
  if (rv == 0) info[2] = OWN_LETTER;
  return rv;
}

/* The whole path: the loader takes what has the same name, "$ORIGIN/…" included, for what is there already. */
static const char *beside_this(const char *name) {
  static char path[4096];
  Dl_info this;
  if (!dladdr((void *)beside_this, &this)) return name;
  int folder = (int)(strrchr(this.dli_fname, '/') - this.dli_fname);
  snprintf(path, sizeof path, "%.*s/%s", folder, this.dli_fname, name);
  return path;
}

CK_RV C_GetFunctionList(void **list) {
  if (!real_sign) {
    void *library = dlopen(beside_this("softhsm.so"), RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(void **) = library ? (CK_RV (*)(void **))dlsym(library, "C_GetFunctionList") : 0;
    void *real = 0;
    if (!get || get(&real) != 0) return 5;
    memcpy(&own, real, sizeof own);
    real_sign = (Sign)own.functions[C_SIGN];
    own.functions[C_SIGN] = (void *)waiting_sign;
    real_login = (Login)own.functions[C_LOGIN];
    own.functions[C_LOGIN] = (void *)counted_login;
    real_info = (Info)own.functions[C_GETINFO];
    own.functions[C_GETINFO] = (void *)own_info;
    real_open = (Open)own.functions[C_OPENSESSION];
    own.functions[C_OPENSESSION] = (void *)counted_open;
    real_close = (Close)own.functions[C_CLOSESESSION];
    own.functions[C_CLOSESESSION] = (void *)counted_close;
  }
  *list = &own;
  return 0;
}
