"""The world's time, which the functions have as well: the machine's, moved by an offset that all processes share.

The functions have no hook for it. In the processes that the harness starts, and only there, `datetime.now` is
replaced before the function's own code is loaded. Measured durations (`time.monotonic`, time limits of sockets) stay
the machine's.

`python -m tests.faults.world_time MODULE ARGUMENT...` runs a module so, with the file that FILE_VARIABLE names.
"""

import ctypes
import gc
import mmap
import os
import runpy
import struct
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from local_cloud.clock import Clock

FILE_VARIABLE = "WORLD_TIME"
"""The environment variable with the file's path."""

_MICROSECONDS = struct.Struct("<q")


class WorldClock(Clock):
    """The local cloud's clock. Processes that follow it see it move in the same moment.

    Args:
        file: through which they see it; it is made.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        file.write_bytes(_MICROSECONDS.pack(0))
        self._shared = _mapped(file, mmap.ACCESS_WRITE)

    def advance(self, by: timedelta) -> None:
        """Move the present forward for all processes."""
        (before,) = _MICROSECONDS.unpack(self._shared[:])
        self._shared[:] = _MICROSECONDS.pack(before + by // timedelta(microseconds=1))
        super().advance(by)


def follow(file: Path) -> None:
    """Have this process see the world's time, whichever module asks for it and however it has imported `datetime`.

    Args:
        file: that of a WorldClock.
    """
    shared = _mapped(file, mmap.ACCESS_READ)
    machine_now = datetime.now

    def now(kind: type[datetime], tz: tzinfo | None = None) -> datetime:
        (offset,) = _MICROSECONDS.unpack(shared[:])
        return machine_now(tz) + timedelta(microseconds=offset)

    # A class written in C takes no attribute by assignment. It is the class that is changed and not its name in its
    # module, since others hold it already, and what they compare with isinstance() must remain of one class.
    (attributes,) = gc.get_referents(datetime.__dict__)
    attributes["now"] = classmethod(now)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))


def _mapped(file: Path, access: int) -> mmap.mmap:
    with file.open("r+b" if access == mmap.ACCESS_WRITE else "rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=access)


if __name__ == "__main__":
    follow(Path(os.environ[FILE_VARIABLE]))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
