"""What each program in Python of this benchmark does alike."""

import os


def tell_memory(count):
    """Says what memory the program holds, in MiB, where it did its work more than once."""
    if count > 1:
        with open("/proc/self/statm") as file:
            print(int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20)
