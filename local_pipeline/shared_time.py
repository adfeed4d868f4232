"""A time that all processes of the local cloud share: the machine's, moved by an offset.

The functions have no hook for it. In the processes that the local cloud starts with FILE_VARIABLE, and only there,
`datetime.now` is replaced before the function's own code is loaded. Measured durations (`time.monotonic`, time limits
of sockets) stay the machine's.

`python -m local_pipeline.shared_time MODULE ARGUMENT...` runs a module so, with the file that FILE_VARIABLE names.
"""

import ctypes
import gc
import mmap
import os
import runpy
import signal
import struct
import sys
import threading
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from local_cloud.clock import Clock

WHILE_STDIN_IS_OPEN = "--while-stdin-is-open"
"""Before MODULE: the process ends when its standard input closes, as when the process that started it is killed."""

FILE_VARIABLE = "LOCAL_CLOUD_TIME"
"""The environment variable with the file's path."""

_MICROSECONDS = struct.Struct("<q")


class SharedClock(Clock):
    """The local cloud's clock. Processes that follow it see it move in the same moment.

    Args:
        file: through which they see it; it is made.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        """Through which other processes see it."""
        file.write_bytes(_MICROSECONDS.pack(0))
        self._shared = _mapped(file, mmap.ACCESS_WRITE)

    def advance(self, by: timedelta) -> None:
        """Move the present forward for all processes."""
        (before,) = _MICROSECONDS.unpack(self._shared[:])
        self._shared[:] = _MICROSECONDS.pack(before + by // timedelta(microseconds=1))
        super().advance(by)


def follow(file: Path) -> None:
    """Have this process see the shared time, whichever module asks for it and however it has imported `datetime`.

    Args:
        file: that of a SharedClock.
    """
    shared = _mapped(file, mmap.ACCESS_READ)
    machine_now = datetime.now

    def now(kind: type[datetime], tz: tzinfo | None = None) -> datetime:
        (offset,) = _MICROSECONDS.unpack(shared[:])
        # In UTC: a local time of the night in which the clocks change may come twice, or not at all.
        moment = machine_now(UTC) + timedelta(microseconds=offset)
        return kind.fromtimestamp(moment.timestamp(), tz)

    # A class written in C takes no attribute by assignment. It is the class that is changed and not its name in its
    # module, since others hold it already, and what they compare with isinstance() must remain of one class.
    (attributes,) = gc.get_referents(datetime.__dict__)
    attributes["now"] = classmethod(now)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))


def _mapped(file: Path, access: int) -> mmap.mmap:
    with file.open("r+b" if access == mmap.ACCESS_WRITE else "rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=access)


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    follow(Path(os.environ[FILE_VARIABLE]))
    del sys.argv[0]
    if sys.argv[0] == WHILE_STDIN_IS_OPEN:
        del sys.argv[0]
        threading.Thread(target=_end_with_stdin, name="end-with-stdin", daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
