/* Small GETs through libcurl's multi interface. Usage: curl_loop URL SECONDS IN_FLIGHT... Prints one JSON object, requests
   per second. SSL_CERT_FILE names the roots it trusts. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static CURLM *multi;
static long done;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void check(int result, const char *message) {
  if (result == 0) return;
  fprintf(stderr, "%s\n", message);
  exit(1);
}

static size_t taken(char *bytes, size_t size, size_t count, void *length) {
  (void) bytes;
  *(size_t *) length += size * count;
  return size * count;
}

static void begin(CURL *request, size_t *length) {
  *length = 0;
  check(curl_multi_add_handle(multi, request), "Cannot add a request");
}

static double rate(const char *url, int in_flight, double seconds) {
  double start = now(), end = start + seconds;
  size_t *lengths = calloc(in_flight, sizeof *lengths);
  done = 0;
  for (int i = 0; i < in_flight; i++) {
    CURL *request = curl_easy_init();
    curl_easy_setopt(request, CURLOPT_URL, url);
    curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, taken);
    curl_easy_setopt(request, CURLOPT_WRITEDATA, &lengths[i]);
    if (getenv("SSL_CERT_FILE") != NULL) curl_easy_setopt(request, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    curl_easy_setopt(request, CURLOPT_PRIVATE, &lengths[i]);
    begin(request, &lengths[i]);
  }
  for (int running = in_flight; running > 0;) {
    int active, left;
    check(curl_multi_perform(multi, &active), "Cannot go on");
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left)) != NULL;) {
      CURL *request = message->easy_handle;
      size_t *length;
      check(message->data.result, curl_easy_strerror(message->data.result));
      curl_easy_getinfo(request, CURLINFO_PRIVATE, (char **) &length);
      check(*length != 13, "A body of another length");
      curl_multi_remove_handle(multi, request);
      done++;
      if (now() < end) begin(request, length);
      else {
        curl_easy_cleanup(request);
        running--;
      }
    }
    if (running > 0) check(curl_multi_poll(multi, NULL, 0, 1000, NULL), "Cannot wait");
  }
  free(lengths);
  return done / (now() - start);
}

int main(int argc, char **argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 64L);
  printf("{ ");
  for (int i = 3; i < argc; i++) {
    rate(argv[1], atoi(argv[i]), atof(argv[2]) / 2);
    printf("%s\"GET, %s in flight\": %.1f", i > 3 ? ", " : "", argv[i], rate(argv[1], atoi(argv[i]), atof(argv[2])));
  }
  printf(" }\n");
  return 0;
}
