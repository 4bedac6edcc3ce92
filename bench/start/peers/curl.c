/* The first request of a program with libcurl. Usage: HOW OFTEN, URL */
#include <curl/curl.h>
#include "memory.h"

static size_t taken(char *bytes, size_t size, size_t count, void *user) {
  (void) bytes;
  (void) user;
  return size * count;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  long count = atol(argv[1]);
  CURL *request = curl_easy_init();
  curl_easy_setopt(request, CURLOPT_URL, argv[2]);
  curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, taken);
  for (long i = 0; i < count; i++) {
    CURLcode result = curl_easy_perform(request);
    if (result != CURLE_OK) {
      fprintf(stderr, "%s\n", curl_easy_strerror(result));
      return 1;
    }
  }
  curl_easy_cleanup(request);
  tell_memory(count);
  return 0;
}
