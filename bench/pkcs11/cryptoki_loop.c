/* The rows of the benchmark as a C program makes them: through the function list, with the two-call idiom for reads.
   Usage: cryptoki_loop MODULE LABEL PIN SECONDS [thread]. Prints one JSON object with calls per second. With `thread` a
   second one sleeps meanwhile: locks and counters of C's libraries cost more then, as they do in every runtime. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static CK_FUNCTION_LIST_PTR f;
static CK_SESSION_HANDLE s;
static double seconds;
static unsigned char data[1 << 20], out[(1 << 20) + 64];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void check(CK_RV rv, const char *what) {
  if (rv == CKR_OK) return;
  fprintf(stderr, "%s: 0x%lx\n", what, rv);
  exit(1);
}

static CK_OBJECT_HANDLE hmacKey, aesKey, ecKey, rsaKey;
static CK_BYTE iv[16];

static void info(void) {
  CK_SESSION_INFO info;
  check(f->C_GetSessionInfo(s, &info), "GetSessionInfo");
}
static void digest(void) {
  CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
  CK_ULONG n = sizeof out;
  check(f->C_DigestInit(s, &m), "DigestInit");
  check(f->C_Digest(s, data, 32, out, &n), "Digest");
}
static void sign(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
  CK_MECHANISM m = { type, NULL, 0 };
  CK_ULONG n = sizeof out;
  check(f->C_SignInit(s, &m, key), "SignInit");
  check(f->C_Sign(s, data, 32, out, &n), "Sign");
}
static void hmac(void) { sign(CKM_SHA256_HMAC, hmacKey); }
static void ecdsa(void) { sign(CKM_ECDSA, ecKey); }
static void rsa(void) { sign(CKM_SHA256_RSA_PKCS, rsaKey); }
static void encrypt(CK_ULONG length) {
  CK_MECHANISM m = { CKM_AES_CBC_PAD, iv, sizeof iv };
  CK_ULONG n = sizeof out;
  check(f->C_EncryptInit(s, &m, aesKey), "EncryptInit");
  check(f->C_Encrypt(s, data, length, out, &n), "Encrypt");
}
static void encrypt1k(void) { encrypt(1024); }
static void encrypt1m(void) { encrypt(1 << 20); }
static void find(void) {
  CK_OBJECT_CLASS class = CKO_DATA;
  CK_ATTRIBUTE match[] = { { CKA_CLASS, &class, sizeof class }, { CKA_APPLICATION, "bench", 5 } };
  CK_OBJECT_HANDLE handles[128];
  CK_ULONG n, total = 0;
  static CK_OBJECT_HANDLE found[2000];
  check(f->C_FindObjectsInit(s, match, 2), "FindObjectsInit");
  do {
    check(f->C_FindObjects(s, handles, 128, &n), "FindObjects");
    memcpy(found + total, handles, n * sizeof *handles);
    total += n;
  } while (n > 0);
  check(f->C_FindObjectsFinal(s), "FindObjectsFinal");
  if (total != 1000) check(CKR_GENERAL_ERROR, "find");
  for (CK_ULONG i = 0; i < total; i++) {
    CK_ATTRIBUTE t[] = { { CKA_LABEL, NULL, 0 }, { CKA_APPLICATION, NULL, 0 }, { CKA_VALUE, NULL, 0 } };
    check(f->C_GetAttributeValue(s, found[i], t, 3), "lengths");
    for (int k = 0; k < 3; k++) t[k].pValue = malloc(t[k].ulValueLen + 1);
    check(f->C_GetAttributeValue(s, found[i], t, 3), "values");
    for (int k = 0; k < 3; k++) free(t[k].pValue);
  }
}

static void row(const char *name, void (*fn)(void), int last) {
  double start, end;
  long n = 0;
  fn();
  start = now();
  do { fn(); n++; end = now(); } while (end - start < seconds);
  printf("\"%s\": %.3f%s", name, n / (end - start), last ? "" : ", ");
}

static void *asleep(void *nothing) {
  for (;;) pause();
  return nothing;
}

int main(int argc, char **argv) {
  CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
  CK_SLOT_ID slots[32];
  CK_ULONG count = 32;
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_C_GetFunctionList get;
  void *library = dlopen(argv[1], RTLD_NOW);
  pthread_t second;
  if (argc < 5 || !library) return 2;
  if (argc > 5 && pthread_create(&second, NULL, asleep, NULL) != 0) return 2;
  seconds = atof(argv[4]);
  get = (CK_C_GetFunctionList) dlsym(library, "C_GetFunctionList");
  check(get(&f), "GetFunctionList");
  check(f->C_Initialize(&args), "Initialize");
  check(f->C_GetSlotList(CK_TRUE, slots, &count), "GetSlotList");
  for (CK_ULONG i = 0; i < count; i++) {
    CK_TOKEN_INFO info;
    check(f->C_GetTokenInfo(slots[i], &info), "GetTokenInfo");
    if (memcmp(info.label, argv[2], strlen(argv[2])) == 0) {
      check(f->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s), "OpenSession");
      break;
    }
  }
  check(f->C_Login(s, CKU_USER, (CK_UTF8CHAR_PTR) argv[3], strlen(argv[3])), "Login");
  CK_ULONG size = 32, bits = 2048;
  CK_ATTRIBUTE secret[] = { { CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_SIGN, &yes, 1 }, { CKA_ENCRYPT, &yes, 1 }, { CKA_VALUE_LEN, &size, sizeof size } };
  CK_MECHANISM generic = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 }, aes = { CKM_AES_KEY_GEN, NULL, 0 };
  check(f->C_GenerateKey(s, &generic, secret, 5, &hmacKey), "GenerateKey");
  check(f->C_GenerateKey(s, &aes, secret, 5, &aesKey), "GenerateKey");
  CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }, exponent[] = { 1, 0, 1 };
  CK_ATTRIBUTE ecPublic[] = { { CKA_TOKEN, &no, 1 }, { CKA_EC_PARAMS, p256, sizeof p256 } };
  CK_ATTRIBUTE rsaPublic[] = { { CKA_TOKEN, &no, 1 }, { CKA_MODULUS_BITS, &bits, sizeof bits }, { CKA_PUBLIC_EXPONENT, exponent, 3 } };
  CK_ATTRIBUTE private[] = { { CKA_TOKEN, &no, 1 }, { CKA_SIGN, &yes, 1 } };
  CK_MECHANISM ec = { CKM_EC_KEY_PAIR_GEN, NULL, 0 }, rsaGen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
  CK_OBJECT_HANDLE public;
  check(f->C_GenerateKeyPair(s, &ec, ecPublic, 2, private, 2, &public, &ecKey), "GenerateKeyPair");
  check(f->C_GenerateKeyPair(s, &rsaGen, rsaPublic, 3, private, 2, &public, &rsaKey), "GenerateKeyPair");
  for (int i = 0; i < 1000; i++) {
    char label[16];
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE object;
    snprintf(label, sizeof label, "object %d", i);
    CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_APPLICATION, "bench", 5 }, { CKA_LABEL, label, strlen(label) }, { CKA_VALUE, data, 32 } };
    check(f->C_CreateObject(s, t, 6, &object), "CreateObject");
  }
  printf("{ ");
  row("session info", info, 0);
  row("digest 32 B", digest, 0);
  row("HMAC-SHA256 32 B", hmac, 0);
  row("AES-CBC-PAD 1 KiB", encrypt1k, 0);
  row("ECDSA P-256", ecdsa, 0);
  row("RSA-2048", rsa, 0);
  row("AES-CBC-PAD 1 MiB", encrypt1m, 0);
  row("find 1000, read 3", find, 1);
  printf(" }\n");
  return 0;
}
