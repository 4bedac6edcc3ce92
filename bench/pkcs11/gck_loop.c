/* The rows of the benchmark over GNOME's libgck, synchronous and asynchronous.
   Usage: gck_loop MODULE LABEL PIN SECONDS. Prints one JSON object with calls per second. */
#include <gck/gck.h>
#include <stdio.h>
#include <string.h>

static GckSession *session;
static GckObject *hmacKey, *aesKey, *ecKey, *rsaKey;
static double seconds;
static unsigned char data[1 << 20], iv[16];

static void check(gpointer made, GError *error, const char *what) {
  if (error == NULL && made != NULL) return;
  g_error("Cannot %s: %s", what, error == NULL ? "it gave nothing" : error->message);
}

static void sign(gulong type, GckObject *key) {
  GError *error = NULL;
  gsize length;
  guchar *result = gck_session_sign(session, key, type, data, 32, &length, NULL, &error);
  check(result, error, "sign");
  g_free(result);
}
static void hmac(void) { sign(CKM_SHA256_HMAC, hmacKey); }
static void ecdsa(void) { sign(CKM_ECDSA, ecKey); }
static void rsa(void) { sign(CKM_SHA256_RSA_PKCS, rsaKey); }
static void info(void) {
  GckSessionInfo *info = gck_session_get_info(session);
  check(info, NULL, "read the session's information");
  gck_session_info_free(info);
}
static void encrypt(gsize size) {
  GckMechanism mechanism = { CKM_AES_CBC_PAD, iv, sizeof iv };
  GError *error = NULL;
  gsize length;
  guchar *result = gck_session_encrypt_full(session, aesKey, &mechanism, data, size, &length, NULL, &error);
  check(result, error, "encrypt");
  g_free(result);
}
static void encrypt1k(void) { encrypt(1024); }
static void encrypt1m(void) { encrypt(1 << 20); }
static void find(void) {
  GError *error = NULL;
  GckBuilder match = GCK_BUILDER_INIT;
  gck_builder_add_ulong(&match, CKA_CLASS, CKO_DATA);
  gck_builder_add_string(&match, CKA_APPLICATION, "bench");
  GckAttributes *wanted = gck_attributes_ref_sink(gck_builder_end(&match));
  GList *found = gck_session_find_objects(session, wanted, NULL, &error);
  check(found, error, "find");
  if (g_list_length(found) != 1000) g_error("Cannot measure: %u objects", g_list_length(found));
  for (GList *each = found; each != NULL; each = each->next) {
    GckAttributes *values = gck_object_get(each->data, NULL, &error, CKA_LABEL, CKA_APPLICATION, CKA_VALUE, GCK_INVALID);
    check(values, error, "read");
    gck_attributes_unref(values);
  }
  gck_list_unref_free(found);
  gck_attributes_unref(wanted);
}

static void row(const char *name, void (*call)(void)) {
  gint64 start, now;
  long count = 0;
  call();
  start = g_get_monotonic_time();
  do { call(); count++; now = g_get_monotonic_time(); } while (now - start < seconds * 1e6);
  printf("\"%s\": %.3f, ", name, count * 1e6 / (now - start));
}

/* Loops that sign one after another, each on a session of its own, until the time is over. */
typedef struct { GckSession *session; GckObject *key; gulong type; } Loop;
static GMainLoop *events;
static gint64 end;
static long made;
static int running;

static void signed_once(GObject *source, GAsyncResult *answer, gpointer user);
static void begin(Loop *loop) {
  GckMechanism mechanism = { loop->type, NULL, 0 };
  gck_session_sign_async(loop->session, loop->key, &mechanism, data, 32, NULL, signed_once, loop);
}
static void signed_once(GObject *source, GAsyncResult *answer, gpointer user) {
  GError *error = NULL;
  gsize length;
  guchar *result = gck_session_sign_finish(GCK_SESSION(source), answer, &length, &error);
  check(result, error, "sign");
  g_free(result);
  made++;
  if (g_get_monotonic_time() < end) begin(user);
  else if (--running == 0) g_main_loop_quit(events);
}
static void row_async(const char *name, GckSlot *slot, int count, gulong type, GckObject *key, const char *next) {
  GError *error = NULL;
  Loop loops[8];
  gint64 start = g_get_monotonic_time();
  made = 0;
  running = count;
  end = start + seconds * 1e6;
  for (int i = 0; i < count; i++) {
    loops[i] = (Loop) { gck_slot_open_session(slot, 0, NULL, &error), key, type };
    check(loops[i].session, error, "open a session");
    begin(&loops[i]);
  }
  g_main_loop_run(events);
  printf("\"%s\": %.3f%s", name, made * 1e6 / (g_get_monotonic_time() - start), next);
}

static GckObject *make_key(CK_KEY_TYPE type) {
  GError *error = NULL;
  GckBuilder parts = GCK_BUILDER_INIT;
  gck_builder_add_ulong(&parts, CKA_CLASS, CKO_SECRET_KEY);
  gck_builder_add_ulong(&parts, CKA_KEY_TYPE, type);
  gck_builder_add_boolean(&parts, CKA_TOKEN, FALSE);
  gck_builder_add_boolean(&parts, CKA_PRIVATE, FALSE);
  gck_builder_add_boolean(&parts, CKA_SIGN, TRUE);
  gck_builder_add_boolean(&parts, CKA_ENCRYPT, TRUE);
  gck_builder_add_data(&parts, CKA_VALUE, data, 32);
  GckObject *key = gck_session_create_object(session, gck_builder_end(&parts), NULL, &error);
  check(key, error, "make a key");
  return key;
}
static GckObject *make_pair(gulong mechanism, GckBuilder *public) {
  GError *error = NULL;
  GckObject *publicKey, *privateKey = NULL;
  GckBuilder private = GCK_BUILDER_INIT;
  gck_builder_add_boolean(public, CKA_TOKEN, FALSE);
  gck_builder_add_boolean(&private, CKA_TOKEN, FALSE);
  gck_builder_add_boolean(&private, CKA_SIGN, TRUE);
  gck_session_generate_key_pair(session, mechanism, gck_builder_end(public), gck_builder_end(&private), &publicKey, &privateKey, NULL, &error);
  check(privateKey, error, "make a key pair");
  return privateKey;
}
static void make_objects(void) {
  for (int i = 0; i < 1000; i++) {
    GError *error = NULL;
    char label[16];
    GckBuilder parts = GCK_BUILDER_INIT;
    snprintf(label, sizeof label, "object %d", i);
    gck_builder_add_ulong(&parts, CKA_CLASS, CKO_DATA);
    gck_builder_add_boolean(&parts, CKA_TOKEN, FALSE);
    gck_builder_add_boolean(&parts, CKA_PRIVATE, FALSE);
    gck_builder_add_string(&parts, CKA_APPLICATION, "bench");
    gck_builder_add_string(&parts, CKA_LABEL, label);
    gck_builder_add_data(&parts, CKA_VALUE, data, 32);
    check(gck_session_create_object(session, gck_builder_end(&parts), NULL, &error), error, "make an object");
  }
}

int main(int argc, char **argv) {
  static unsigned char p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }, exponent[] = { 1, 0, 1 };
  GError *error = NULL;
  GckSlot *slot = NULL;
  if (argc < 5) return 2;
  seconds = g_ascii_strtod(argv[4], NULL);
  events = g_main_loop_new(NULL, FALSE);
  GckModule *module = gck_module_initialize(argv[1], NULL, &error);
  check(module, error, "load the module");
  for (GList *each = gck_module_get_slots(module, TRUE); each != NULL; each = each->next) {
    GckTokenInfo *info = gck_slot_get_token_info(each->data);
    if (strcmp(info->label, argv[2]) == 0) slot = each->data;
  }
  check(slot, NULL, "find the token");
  session = gck_slot_open_session(slot, GCK_SESSION_READ_WRITE, NULL, &error);
  check(session, error, "open a session");
  gck_session_login(session, CKU_USER, (guchar *) argv[3], strlen(argv[3]), NULL, &error);
  check(session, error, "log in");
  hmacKey = make_key(CKK_GENERIC_SECRET);
  aesKey = make_key(CKK_AES);
  GckBuilder ec = GCK_BUILDER_INIT, rsaParts = GCK_BUILDER_INIT;
  gck_builder_add_data(&ec, CKA_EC_PARAMS, p256, sizeof p256);
  gck_builder_add_ulong(&rsaParts, CKA_MODULUS_BITS, 2048);
  gck_builder_add_data(&rsaParts, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
  ecKey = make_pair(CKM_EC_KEY_PAIR_GEN, &ec);
  rsaKey = make_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &rsaParts);
  make_objects();
  printf("{ ");
  row("session info", info);
  row("HMAC-SHA256 32 B", hmac);
  row("AES-CBC-PAD 1 KiB", encrypt1k);
  row("ECDSA P-256", ecdsa);
  row("RSA-2048", rsa);
  row("AES-CBC-PAD 1 MiB", encrypt1m);
  row("find 1000, read 3", find);
  row_async("RSA-2048, async, 2 sessions", slot, 2, CKM_SHA256_RSA_PKCS, rsaKey, ", ");
  row_async("HMAC-SHA256 32 B, async, 1 session", slot, 1, CKM_SHA256_HMAC, hmacKey, ", ");
  row_async("HMAC-SHA256 32 B, async, 8 sessions", slot, 8, CKM_SHA256_HMAC, hmacKey, " }\n");
  return 0;
}
