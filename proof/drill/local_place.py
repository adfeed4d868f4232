"""A local cloud of the drill's own on this machine."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from operations.errors import OperatorError
from operations.runs.dispatch import dispatch
from operations.session import Session
from operations.sizing.plan import Plan
from proof.drill.place import Usage

_PREFIX = "local-"


def left_locally(folder: Path) -> list[Path]:
    """The directories of local drills that are there, also of those under way.

    Args:
        folder: where drills keep their files.
    """
    return sorted(folder.glob(f"{_PREFIX}*/"))


def remove_locally(directory: Path) -> None:
    """Remove what a local drill has left that was killed.

    Args:
        directory: one of left_locally.

    Raises:
        OperatorError: the drill is under way, or its local cloud has not ended yet.
        OSError: it cannot be removed.
    """
    with _held(directory.parent, waits=True), _held(directory):
        shutil.rmtree(directory)


class LocalPlace:
    """See Place.

    Args:
        folder: where drills keep their files.
        plan: what Cloud Run would cost.
        kills: whether processes exit.
    """

    name = "the local cloud"
    seconds_between_looks = 0.5
    # None of them says anything about Google Cloud.
    settings: Mapping[str, str] = MappingProxyType({"waits for retries and leases": "skipped"})

    def __init__(self, folder: Path, plan: Plan, *, kills: bool) -> None:
        self._folder = folder
        self._plan = plan
        self._kills = kills

    @contextmanager
    def made(self) -> Iterator[Session]:
        """See Place."""
        self._folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            # No clean comes between: a directory that no process holds is what a killed drill has left.
            with _held(self._folder, waits=True):
                directory = stack.enter_context(TemporaryDirectory(prefix=_PREFIX, dir=self._folder))
                lock = stack.enter_context(_held(Path(directory)))
            command = [sys.executable, "-m", "proof.drill.local_cloud", directory, *(["--kill"] if self._kills else [])]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # A session of its own: Ctrl-C reaches the drill alone.
                start_new_session=True,
                # A local cloud writes until it ends, and it ends after a drill that was killed.
                pass_fds=[lock],
            )
            try:
                if not self._read():
                    raise OperatorError("The local cloud does not start.")
                yield Session(Path(directory))
            finally:
                assert self._process.stdin is not None
                self._process.stdin.close()
                self._process.wait()

    def run_now(self, session: Session) -> None:
        """See Place."""
        dispatch(session.target, scheduled_for=None)

    def usage(self, since: datetime, until: datetime) -> Usage:
        """See Place. Cloud Run's part is the formula's."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Usage(**json.loads(self._read()), cloud_run=self._plan.cloud_run)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def _held(directory: Path, *, waits: bool = False) -> Iterator[int]:
    """Hold a directory for this process and those that inherit the descriptor.

    Args:
        directory: which.
        waits: whether to wait until no other process holds it.

    Raises:
        OperatorError: another process holds it, and this one does not wait.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise OperatorError(f"{directory.name} is under way.") from None
        yield descriptor
    finally:
        os.close(descriptor)
