/* What each program in C of this benchmark does alike. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Says what memory the program holds, in MiB, where it did its work more than once. */
static void tell_memory(long count) {
  long pages = 0, resident = 0;
  FILE *file = count > 1 ? fopen("/proc/self/statm", "r") : NULL;
  if (file == NULL) return;
  if (fscanf(file, "%ld %ld", &pages, &resident) == 2) printf("%f\n", resident * (double) sysconf(_SC_PAGESIZE) / (1 << 20));
  fclose(file);
}
