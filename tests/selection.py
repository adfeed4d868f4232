"""Which tests `make test-fast`, `make test`, `make test-all` and `make test-slow` run: a plugin of pytest.

`make test` and `make test-all` complement each other: each test is in exactly one of them. `make test-fast` runs a part
of `make test`, `make test-slow` runs all others, and `make tests` runs all.
"""

import enum
import sys
from collections.abc import Generator
from pathlib import Path

import croniter  # noqa: F401  its import starts a process, which asks what kind of program Python is
import pytest

STARTS_PROCESS = "starts_process"
"""The marker of a test that starts a process though its folder's tests are fast: `make test-fast` leaves it out."""

THOROUGH = "thorough"
"""The marker of a test that `make test` leaves to `make test-all`."""

EVERYDAY = "everyday"
"""The marker of one that it runs all the same, though the module is thorough or a rule of its folder says so."""

THOROUGH_FOLDERS = ("proof", "emulators", "tests/examples", "tests/fuzz", "tests/local_pipeline")
"""Those whose tests are thorough without the marker, but for the fast ones among them."""

_STARTS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
"""Of https://docs.python.org/3/library/audit_events.html. So does a connection to the socket of a process that forks
(tests/forked_python.py), whose address is a path."""


class Selection(enum.StrEnum):
    """What one of the commands runs."""

    FAST = "fast"
    EVERYDAY = "everyday"
    THOROUGH = "thorough"
    SLOW = "slow"


def is_fast(file: Path) -> bool:
    """Whether a file's tests are fast: in a `unit` folder, in that of a kind, in tests/contracts, and in tests itself.

    Args:
        file: from the repository's root.
    """
    in_its_folder = file.is_relative_to("kinds") or file.parent in {Path("tests"), Path("tests/contracts")}
    return in_its_folder or "unit" in file.parts[:-1]


def is_thorough(file: Path) -> bool:
    """Whether all tests of a file are thorough, by its folder.

    Args:
        file: from the repository's root.
    """
    return not is_fast(file) and any(file.is_relative_to(folder) for folder in THOROUGH_FOLDERS)


def is_selected(file: Path, markers: set[str], selection: Selection) -> bool:
    """Whether a command runs a test.

    Args:
        file: of the test, from the repository's root.
        markers: those that the test has.
        selection: what the command runs.
    """
    thorough = is_thorough(file) or (THOROUGH in markers and EVERYDAY not in markers)
    match selection:
        case Selection.THOROUGH:
            return thorough
        case Selection.EVERYDAY:
            return not thorough
        case Selection.FAST:
            return is_fast(file) and not thorough and STARTS_PROCESS not in markers
        case Selection.SLOW:
            return not is_selected(file, markers, Selection.FAST)


class ProcessWall:
    """Refuses to start a process while a test runs that has to be fast, so that no slow one comes among them unseen."""

    def __init__(self) -> None:
        self.stands = False
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.stands and (event in _STARTS or (event == "socket.connect" and isinstance(arguments[1], str))):
            raise AssertionError(
                f'{event}: tests in this folder start no process (CONTRIBUTING.md, "Which command runs a test"). '
                f"Move the test to an integration folder, or mark it with @pytest.mark.{STARTS_PROCESS}."
            )


_wall = ProcessWall()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--selection`, which the make targets give. Without it, all tests that are asked for run."""
    parser.addoption("--selection", type=Selection, choices=list(Selection), help="what one of the make targets runs")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files without a test of the selection are not even imported, where their folder says that there is none."""
    selection: Selection | None = config.getoption("selection")
    if selection is None or not collection_path.is_file():
        return None
    file = collection_path.relative_to(config.rootpath)
    # Among fast and everyday tests there can be a marked one.
    has_marked = selection in {Selection.THOROUGH, Selection.SLOW}
    return None if has_marked or is_selected(file, set(), selection) else True


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Tests that are not of the selection are left out. Files with thorough tests come first."""
    selection: Selection | None = config.getoption("selection")
    first, chosen, left_out = set[Path](), list[pytest.Item](), list[pytest.Item]()
    for item in items:
        file, markers = item.path.relative_to(config.rootpath), {marker.name for marker in item.iter_markers()}
        if is_selected(file, markers, Selection.THOROUGH):
            first.add(item.path)
        (chosen if selection is None or is_selected(file, markers, selection) else left_out).append(item)
    # They take longest: with one of them last, the other processes would wait for it.
    items[:] = sorted(chosen, key=lambda item: item.path not in first)
    if left_out:
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that has to be fast starts no process."""
    file = item.path.relative_to(item.config.rootpath)
    _wall.stands = is_fast(file) and not item.get_closest_marker(STARTS_PROCESS)
    try:
        return (yield)
    finally:
        _wall.stands = False
