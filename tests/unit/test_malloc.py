"""What the heap keeps, seen in a process of its own."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import numpy as np
from pipeline.malloc import keep_freed_memory

if not keep_freed_memory():
    sys.exit("no glibc")

def batch():
    return sum(int(part[-1]) for part in [np.ones(2 << 20, np.uint8) for _ in range(20)])

batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    batch()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


def test_a_batch_uses_the_memory_of_the_one_before() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    if "no glibc" in done.stderr:
        pytest.skip("not on glibc")
    # 40 MiB are 10,240 pages; without it half of them and more are asked for anew by every batch.
    assert float(done.stdout) < 500
