/* The least that two changes of thread take, with a moment of work: a thread that waits for a number to change, and one that
   waits in epoll, as the event loops of the runtimes do. Prints the median of the microseconds, and those of the processor.
   Usage: SECONDS */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST 10000000
/* Microseconds that the thread works, as in trip_thread.ts. */
#define WORK 5
static volatile int asked;
static int event;
static float times[MOST];

static double clock_of(clockid_t id) {
  struct timespec at;
  clock_gettime(id, &at);
  return at.tv_sec * 1e6 + at.tv_nsec / 1e3;
}

static void *answer(void *unused) {
  uint64_t one = 1;
  for (int seen = 0;;) {
    syscall(SYS_futex, &asked, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    int now = __atomic_load_n(&asked, __ATOMIC_SEQ_CST);
    if (now == seen) continue;
    seen = now;
    for (double end = clock_of(CLOCK_MONOTONIC) + WORK; clock_of(CLOCK_MONOTONIC) < end;);
    if (write(event, &one, sizeof one) < 0) exit(1);
  }
}

static int compare(const void *a, const void *b) {
  float difference = *(const float *) a - *(const float *) b;
  return (difference > 0) - (difference < 0);
}

int main(int count, char **args) {
  double seconds = atof(args[1]);
  pthread_t thread;
  event = eventfd(0, EFD_NONBLOCK);
  int loop = epoll_create1(0);
  struct epoll_event wanted = { .events = EPOLLIN }, found;
  epoll_ctl(loop, EPOLL_CTL_ADD, event, &wanted);
  pthread_create(&thread, NULL, answer, NULL);
  int trips = 0;
  double processor = clock_of(CLOCK_PROCESS_CPUTIME_ID);
  double started = clock_of(CLOCK_MONOTONIC), end = started + seconds * 1e6;
  while (started < end && trips < MOST) {
    uint64_t number;
    __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &asked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    epoll_wait(loop, &found, 1, -1);
    if (read(event, &number, sizeof number) < 0) return 1;
    double now = clock_of(CLOCK_MONOTONIC);
    times[trips++] = now - started;
    started = now;
  }
  processor = (clock_of(CLOCK_PROCESS_CPUTIME_ID) - processor) / trips;
  qsort(times, trips, sizeof *times, compare);
  printf("{\"an eventfd\": %f, \"an eventfd, processor\": %f}\n", times[trips / 2], processor);
  return 0;
}
