/* The first signature of a program with GNOME's libgck. Usage: HOW OFTEN, MODULE, LABEL, PIN */
#include <gck/gck.h>
#include <string.h>
#include "memory.h"

static void check(gpointer made, GError *error, const char *what) {
  if (error == NULL && made != NULL) return;
  g_error("Cannot %s: %s", what, error == NULL ? "it gave nothing" : error->message);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  long count = atol(argv[1]);
  GError *error = NULL;
  GckSlot *slot = NULL;
  GckModule *module = gck_module_initialize(argv[2], NULL, &error);
  check(module, error, "load the module");
  for (GList *each = gck_module_get_slots(module, TRUE); each != NULL; each = each->next) {
    GckTokenInfo *info = gck_slot_get_token_info(each->data);
    if (strcmp(info->label, argv[3]) == 0) slot = each->data;
  }
  check(slot, NULL, "find the token");
  GckSession *session = gck_slot_open_session(slot, 0, NULL, &error);
  check(session, error, "open a session");
  gck_session_login(session, CKU_USER, (guchar *) argv[4], strlen(argv[4]), NULL, &error);
  check(session, error, "log in");
  GckBuilder match = GCK_BUILDER_INIT;
  gck_builder_add_ulong(&match, CKA_CLASS, CKO_PRIVATE_KEY);
  GList *keys = gck_session_find_objects(session, gck_attributes_ref_sink(gck_builder_end(&match)), NULL, &error);
  check(keys, error, "find the key");
  for (long i = 0; i < count; i++) {
    guchar digest[32] = { 0 };
    gsize length;
    guchar *signature = gck_session_sign(session, keys->data, CKM_ECDSA, digest, sizeof digest, &length, NULL, &error);
    check(signature, error, "sign");
    g_free(signature);
  }
  tell_memory(count);
  return 0;
}
