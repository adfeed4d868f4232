"""How long a process has computed. Other load does not change it much, unlike the time until an answer."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """How long all threads of a process have computed so far, in hundredths; 0 when it has ended. Linux only."""
    # Its clock (clock_getcpuclockid(3)) is finer, but libfaketime takes it for the time of day, and moves it.
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    # proc(5): after the command, in parentheses, utime and stime are the twelfth and the thirteenth field.
    user, system = said.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS
