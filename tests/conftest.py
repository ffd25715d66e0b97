"""One thread a process, as training has it: other numbers give other bits, and tests run beside other work."""

import os

from bench.pool import THREAD_VARIABLES

for name in THREAD_VARIABLES:
    os.environ[name] = "1"  # before torch is imported, which reads it

import torch  # noqa: E402

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # kernels are interpreted; before triton is imported
