"""A local cloud of the drill's own on this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from operations.errors import OperatorError
from operations.runs.dispatch import dispatch
from operations.session import Session
from proof.benchmarks.simulation.cost import cost
from proof.benchmarks.simulation.model import simulate
from proof.benchmarks.simulation.plan import Plan
from proof.drill.place import Usage


class LocalPlace:
    """See Place.

    Args:
        plan: what Cloud Run would cost.
        drill: the setting DRILL.
    """

    name = "the local cloud"
    seconds_between_looks = 0.5
    # None of them says anything about Google Cloud.
    settings: Mapping[str, str] = MappingProxyType({"waits for retries and leases": "skipped"})

    def __init__(self, plan: Plan, drill: str) -> None:
        self._plan = plan
        self._drill = drill

    @contextmanager
    def made(self) -> Iterator[Session]:
        """See Place."""
        with TemporaryDirectory() as directory:
            command = [sys.executable, "-m", "proof.drill.local_cloud", directory, self._drill]
            # A session of its own: Ctrl-C reaches the drill alone.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
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
        """See Place. Cloud Run's part is the model's."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Usage(**json.loads(self._read()), cloud_run=cost(self._plan, simulate(self._plan)).cloud_run)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()
