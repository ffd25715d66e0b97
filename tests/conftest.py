"""One thread a process, as training has it: other numbers give other bits, and tests run beside other work."""

import os

from bench.pool import THREAD_VARIABLES

for name in THREAD_VARIABLES:
    os.environ[name] = "1"
