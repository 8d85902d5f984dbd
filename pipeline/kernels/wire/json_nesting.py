"""How deep JSON is nested, told from its bytes.

Asked before any parser, since parsers and whoever walks their result recurse.

Promises: one look at each byte, whatever they are; for sound JSON the number is right, for anything else it is some
number. About 1 ns a byte.
"""

import numpy as np

from pipeline.kernels.jit import Int, bare
from pipeline.kernels.wire.fields import U8


@bare
def nesting(b: U8) -> Int:
    """The most arrays and objects inside each other; brackets inside texts don't count."""
    depth: Int = np.int64(0)
    most: Int = np.int64(0)
    i, end = 0, len(b)
    while i < end:
        c = b[i]
        if c == 0x22:
            i += 1
            while i < end and b[i] != 0x22:
                i += 2 if b[i] == 0x5C else 1
        elif c == 0x7B or c == 0x5B:
            depth += 1
            most = max(most, depth)
        elif c == 0x7D or c == 0x5D:
            depth -= 1
        i += 1
    return most
