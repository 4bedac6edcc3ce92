/* A program in C that does nothing. Usage: HOW OFTEN */
#include "memory.h"

int main(int argc, char **argv) {
  tell_memory(argc > 1 ? atol(argv[1]) : 1);
  return 0;
}
