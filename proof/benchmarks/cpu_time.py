"""How long a process has computed. Other load does not change it much, unlike the time until an answer."""

import time


def cpu_seconds(pid: int) -> float:
    """How long all threads of a process have computed so far; 0 when it has ended. Linux only.

    Args:
        pid: the process.
    """
    # clock_getcpuclockid(3), which Python does not have: the clock of another process.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0
