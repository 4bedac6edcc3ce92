/* The first request of a program with libsoup 3. Usage: HOW OFTEN, URL */
#include <libsoup/soup.h>
#include "memory.h"

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  long count = atol(argv[1]);
  SoupSession *session = soup_session_new();
  for (long i = 0; i < count; i++) {
    GError *error = NULL;
    SoupMessage *message = soup_message_new("GET", argv[2]);
    GBytes *body = soup_session_send_and_read(session, message, NULL, &error);
    if (body == NULL) g_error("Cannot ask: %s", error->message);
    g_bytes_unref(body);
    g_object_unref(message);
  }
  g_object_unref(session);
  tell_memory(count);
  return 0;
}
