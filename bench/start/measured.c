/* measured PROGRAM ARGS...: runs a program and prints as JSON what it took: wall clock and CPU time, the most memory it has
   held, and the memory it says that it holds at its end, in MiB on its last line, if it says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double milliseconds(struct timeval time) {
  return time.tv_sec * 1e3 + time.tv_usec / 1e3;
}

int main(int argc, char **argv) {
  int output[2];
  if (argc < 2 || pipe(output) != 0) return 2;
  double start = now();
  pid_t child = fork();
  if (child == 0) {
    dup2(output[1], 1);
    close(output[0]);
    close(output[1]);
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    _exit(127);
  }
  close(output[1]);
  char text[4096];
  size_t length = 0;
  ssize_t got;
  while (length < sizeof text - 1 && (got = read(output[0], text + length, sizeof text - 1 - length)) > 0) length += got;
  text[length] = 0;
  struct rusage used;
  int status;
  if (child < 0 || wait4(child, &status, 0, &used) < 0) return 2;
  double wall = now() - start;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "%s ended with %d\n%s", argv[1], WIFEXITED(status) ? WEXITSTATUS(status) : -1, text);
    return 1;
  }
  printf("{\"wall ms\":%.3f,\"CPU ms\":%.3f,\"peak MiB\":%.3f", wall,
    milliseconds(used.ru_utime) + milliseconds(used.ru_stime), used.ru_maxrss / 1024.0);
  while (length > 0 && text[length - 1] == '\n') text[--length] = 0;
  char *last = strrchr(text, '\n');
  if (length > 0) printf(",\"resident MiB\":%.3f", strtod(last ? last + 1 : text, NULL));
  printf("}\n");
  return 0;
}
