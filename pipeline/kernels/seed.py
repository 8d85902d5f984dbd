"""The secret of this process's hash tables: who does not know it can't send keys that all fall into one place.

Promises: another number in each process unless PYTHONHASHSEED says otherwise (it is Python's own secret, not chance of
ours); nothing that a kernel gives depends on it, only how long it takes. Handed to kernels as an argument: what they
see as a constant would be compiled, and kept on disk.
"""

SEED = hash("the hash tables of Tailrace's kernels")
"""An int of 64 bits."""
