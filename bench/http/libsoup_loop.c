/* Small GETs through libsoup 3. Usage: libsoup_loop URL SECONDS IN_FLIGHT... Prints one JSON object, requests per second. */
#include <libsoup/soup.h>
#include <stdio.h>
#include <stdlib.h>

static GMainLoop *loop;
static SoupSession *session;
static const char *url;
static gint64 end;
static long done;
static int running;

static void next(void);

static void finished(GObject *source, GAsyncResult *result, gpointer data) {
  GBytes *body = soup_session_send_and_read_finish(session, result, NULL);
  (void) source;
  (void) data;
  if (body == NULL) exit(1);
  g_bytes_unref(body);
  done++;
  running--;
  if (g_get_monotonic_time() < end) next();
  else if (running == 0) g_main_loop_quit(loop);
}

static void next(void) {
  SoupMessage *msg = soup_message_new("GET", url);
  running++;
  soup_session_send_and_read_async(session, msg, G_PRIORITY_DEFAULT, NULL, finished, NULL);
  g_object_unref(msg);
}

static double rate(int in_flight, double seconds) {
  gint64 start = g_get_monotonic_time();
  end = start + seconds * 1e6;
  done = 0;
  for (int i = 0; i < in_flight; i++) next();
  g_main_loop_run(loop);
  return done / ((g_get_monotonic_time() - start) / 1e6);
}

int main(int argc, char **argv) {
  url = argv[1];
  loop = g_main_loop_new(NULL, FALSE);
  session = soup_session_new_with_options("max-conns", 64, "max-conns-per-host", 64, NULL);
  printf("{ ");
  for (int i = 3; i < argc; i++) {
    rate(atoi(argv[i]), atof(argv[2]) / 2);
    printf("%s\"GET, %s in flight\": %.1f", i > 3 ? ", " : "", argv[i], rate(atoi(argv[i]), atof(argv[2])));
  }
  printf(" }\n");
  return 0;
}
