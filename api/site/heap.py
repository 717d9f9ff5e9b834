"""Settings of the C library's heap, so that a busy server gives memory back to the system.

By default glibc gives up to 8 threads per core a heap of their own, and keeps freed blocks of up to 32 MB for later. So
what many threads took once, at different times, stays with the process.
"""

from __future__ import annotations

import ctypes
import platform

MAX_HEAPS = 2
# A larger block is mapped by itself, and goes back to the system when it is freed.
MAX_KEPT_BYTES = 256 * 1024
# Parameters of mallopt(3), as in malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def limit_heap() -> bool:
    """Limit the heaps and what they keep, before threads start. Return whether the C library knows these limits."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    limits = ((_M_ARENA_MAX, MAX_HEAPS), (_M_MMAP_THRESHOLD, MAX_KEPT_BYTES), (_M_TRIM_THRESHOLD, MAX_KEPT_BYTES))
    return all(mallopt(parameter, value) == 1 for parameter, value in limits)
