"""What a process with keys in its memory does first."""

import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4


def no_core_dumps() -> None:
    """From now on a crash writes no memory image, which would hold every key; raises OSError when that cannot be had.

    The size limit alone is not enough on Linux: it does not bind a crash handler that is fed through a pipe
    (core(5)). A process that is not dumpable is also closed to debuggers of its own user.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
