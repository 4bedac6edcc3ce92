/* SoftHSM2 with a C_Sign that waits until so many have come, so that a test sees them side by side. */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

typedef unsigned long CK_RV;
typedef CK_RV (*Sign)(unsigned long, void *, unsigned long, void *, void *);
struct list { unsigned char version[8]; void *functions[68]; };

static struct list own;
static Sign real_sign;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int wanted, inside, most;

void waiting_set(unsigned long count) {
  pthread_mutex_lock(&lock);
  wanted = (int)count;
  most = inside;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

unsigned waiting_inside(void) { return (unsigned)inside; }
unsigned waiting_most(void) { return (unsigned)most; }

static CK_RV waiting_sign(unsigned long session, void *data, unsigned long size, void *signature, void *length) {
  pthread_mutex_lock(&lock);
  inside++;
  if (inside > most) most = inside;
  pthread_cond_broadcast(&changed);
  while (most < wanted) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  CK_RV rv = real_sign(session, data, size, signature, length);
  pthread_mutex_lock(&lock);
  inside--;
  pthread_mutex_unlock(&lock);
  return rv;
}

CK_RV C_GetFunctionList(void **list) {
  if (!real_sign) {
    void *library = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(void **) = library ? (CK_RV (*)(void **))dlsym(library, "C_GetFunctionList") : 0;
    void *real = 0;
    if (!get || get(&real) != 0) return 5;
    memcpy(&own, real, sizeof own);
    real_sign = (Sign)own.functions[C_SIGN];
    own.functions[C_SIGN] = (void *)waiting_sign;
  }
  *list = &own;
  return 0;
}
