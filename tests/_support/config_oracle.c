/* Loads p11-kit's configuration as many times as the file named by its argument has lines. A line holds tab-separated:
   user id to take, program name, system conf, user conf, package, system and user modules folder. Each is loaded in a
   process of its own; the answer is "FAIL" or "name|option=value|…" for each module, separated by ";". */
#include <p11-kit/p11-kit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void p11_kit_set_progname(const char *);
void p11_kit_override_system_files(const char *, const char *, const char *, const char *, const char *);

static const char *options[] = {"priority", "critical",  "managed", "trust-policy", "log-calls",
                                "remote",   "enable-in", "x-a",     "x-b",          "x-init-reserved"};

static void answer(char *line) {
  char *fields[7];
  for (int i = 0; i < 7; i++) fields[i] = strsep(&line, "\t");
  if (setuid((uid_t)atoi(fields[0])) != 0) _exit(3);
  p11_kit_set_progname(fields[1]);
  p11_kit_override_system_files(fields[2], fields[3], fields[4], fields[5], fields[6]);
  CK_FUNCTION_LIST **modules = p11_kit_modules_load(NULL, 0);
  if (!modules) {
    printf("FAIL\n");
    return;
  }
  for (int i = 0; modules[i]; i++) {
    printf("%s", p11_kit_module_get_name(modules[i]));
    for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
      char *value = p11_kit_config_option(modules[i], options[o]);
      if (value) printf("|%s=%s", options[o], value);
    }
    printf(";");
  }
  char *global = p11_kit_config_option(NULL, "x-global");
  printf("global=%s\n", global ? global : "");
}

int main(int argc, char **argv) {
  static char line[1 << 16];
  FILE *input = argc > 1 ? fopen(argv[1], "r") : NULL;
  if (!input) return 2;
  while (fgets(line, sizeof line, input)) {
    line[strcspn(line, "\n")] = 0;
    if (!*line) continue;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      answer(line);
      fflush(stdout);
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (status != 0) printf("CRASH %d\n", status);
  }
  return 0;
}
