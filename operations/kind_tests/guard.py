"""What a kind must not do while it makes a report: write, ask others, or take too long."""

import functools
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from report_kit import kind_folders
from report_kit.mistakes import Place

MOST_SECONDS = 10.0
"""For one email of made-up data. A worker has 25 for one, and spends most of them on reading."""

_PATHS = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"),
    *("os.chmod", "os.chown", "os.utime"),
}
_PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"}
_CALLS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refused(Exception):
    """A kind tried something that it must not do."""


class TookTooLong(BaseException):
    """A report was not made in time. No `except Exception` of a kind holds it up."""


@functools.cache
def guard() -> "Guard":
    """The one guard of a process, from which it cannot be taken away."""
    return Guard()


class Guard:
    """Refuses what a kind must not do, and remembers it, since a kind may go on after it was refused."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._seen: list[str] = []
        sys.addaudithook(self._on_event)

    @contextmanager
    def over(self, folder: Path) -> Iterator[list[str]]:
        """Watch over a kind.

        Yields:
            What it does all the same, each with file and line.

        Raises:
            TookTooLong: it takes longer than MOST_SECONDS.
        """
        self._folder, self._seen = folder, []
        compiles, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        handler = signal.signal(signal.SIGALRM, _end)
        left = signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
        try:
            yield self._seen
        finally:
            signal.setitimer(signal.ITIMER_REAL, *left)
            signal.signal(signal.SIGALRM, handler)
            sys.dont_write_bytecode = compiles
            self._folder = None

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._folder is None or not (done := self._done(event, arguments)):
            return
        said = ": ".join(filter(None, (_place(self._folder), done)))
        if said not in self._seen:
            self._seen.append(said)
        raise Refused(done)

    def _done(self, event: str, arguments: tuple[Any, ...]) -> str:
        """What an event is in words; empty where a kind may do it."""
        if event in _PROCESSES:
            return "starts a process."
        if event in _CALLS:
            asked = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
            return f"asks {asked!r}. Let `sample.py` give all that the sample needs."
        if event == "open":
            path, mode, flags = arguments
            is_writing = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & _WRITING)
        else:
            path, is_writing = arguments[0] if arguments else "", event in _PATHS
        if not is_writing or not self._is_kept(path):
            return ""
        return f"writes {Place(Path(os.fsdecode(path)), 0)}. A report decides, and writes nothing."

    def _is_kept(self, path: Any) -> bool:
        """Whether somebody could find what is written: a temporary file of a library is nobody's."""
        if not isinstance(path, str | bytes | os.PathLike) or os.fsdecode(path) == os.devnull:
            return False
        file = Path(os.fsdecode(path)).absolute()
        return file.is_relative_to(kind_folders.folder().parent) or not file.is_relative_to(tempfile.gettempdir())


def _place(folder: Path) -> str:
    """The line of a kind that is carried out."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(folder):
            return str(Place(file, frame.f_lineno))
        frame = frame.f_back
    return ""


def _end(_signal: int, _frame: object) -> None:
    raise TookTooLong(f"takes longer than {MOST_SECONDS:.0f} seconds for one email of made-up data.")
