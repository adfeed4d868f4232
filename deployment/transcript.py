"""What the last run has printed, kept for who reports that a deployment failed: `./deploy.sh --report`.

It is beside the user's other state, and in no checkout: one that has a file more is none of a commit.
https://specifications.freedesktop.org/basedir-spec/latest/
"""

import contextlib
import os
import platform
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from io import TextIOBase
from pathlib import Path
from typing import IO

_PACKAGES = ("google-auth", "google-api-python-client", "requests")
_EMAIL = re.compile(r"[\w.+%-]+@(?!\S*gserviceaccount\.com)[\w-]+(\.[\w-]+)+")
_NUMBER = re.compile(r"\b[0-9]{10,14}\b")


class _Copied(TextIOBase):
    """A stream that a file gets, too: of each line first how many seconds the run has gone on for."""

    def __init__(self, stream: IO[str], file: IO[str], seconds: Callable[[], float]) -> None:
        self._stream, self._file, self._seconds = stream, file, seconds
        self._is_at_begin = True

    def write(self, text: str) -> int:
        for line in text.splitlines(keepends=True):
            self._file.write(f"{self._seconds():6.0f} s  {line}" if self._is_at_begin else line)
            self._is_at_begin = line.endswith("\n")
        return self._stream.write(text)

    def flush(self) -> None:
        # A run that is killed leaves what it has printed.
        self._file.flush()
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@contextmanager
def kept(command: str, now: Callable[[], datetime]) -> Iterator[None]:
    """Keep what is printed. A folder that cannot be written is no reason not to deploy."""
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
    except OSError:
        yield
        return
    began = now()
    with opened:
        opened.write(f"{began:%Y-%m-%d %H:%M} UTC: {command}\n")

        def copied(stream: IO[str]) -> _Copied:
            return _Copied(stream, opened, lambda: (now() - began).total_seconds())

        with contextlib.redirect_stdout(copied(sys.stdout)), contextlib.redirect_stderr(copied(sys.stderr)):
            try:
                yield
            except Exception:
                traceback.print_exc(file=opened)
                raise


def last_run(pipeline: str, *names: str) -> str:
    """The last run's lines, and the versions, for an issue that all can read. Empty if no run was kept. The names, such
    as the project's id, are left out, beside addresses and numbers of projects."""
    try:
        text = _file().read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for name in filter(None, names):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "…", text)
    text = _NUMBER.sub("…", _EMAIL.sub("…", text))
    packages = ", ".join(f"{each} {version(each)}" for each in _PACKAGES)
    return f"{pipeline}; Python {platform.python_version()}, {platform.platform()}; {packages}\n{text}"


def _file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "report-pipeline" / "deployment.txt"
