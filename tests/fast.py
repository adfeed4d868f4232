"""What `make test-fast` runs: the tests that need no service and start no process."""

import sys
from pathlib import Path

import croniter  # noqa: F401  its import starts a process, which asks what kind of program Python is

TESTS = Path(__file__).parent

STARTS_PROCESS = "starts_process"
"""The marker of a test that starts a process though its folder's tests are fast: `make test-fast` leaves it out."""

_STARTS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
"""Of https://docs.python.org/3/library/audit_events.html. So does a connection to the socket of a process that forks
(tests/forked_python.py), whose address is a path."""


def is_fast(file: Path) -> bool:
    """Whether a file's tests are fast: in a `unit` folder, in tests/contracts, and in tests itself.

    Args:
        file: of this repository.
    """
    folder = file.relative_to(TESTS.parent).parent
    return "unit" in folder.parts or folder.as_posix() in {"tests", "tests/contracts"}


class ProcessWall:
    """Refuses to start a process while a test runs that has to be fast, so that no slow one comes among them unseen."""

    def __init__(self) -> None:
        self.stands = False
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.stands and (event in _STARTS or (event == "socket.connect" and isinstance(arguments[1], str))):
            raise AssertionError(
                f'{event}: tests in this folder start no process (CONTRIBUTING.md, "Run the fast tests"). '
                f"Move the test to an integration folder, or mark it with @pytest.mark.{STARTS_PROCESS}."
            )
