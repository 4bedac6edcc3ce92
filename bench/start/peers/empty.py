"""A program in Python that does nothing. Usage: HOW OFTEN"""

import sys

from memory import tell_memory

tell_memory(int(sys.argv[1]))
