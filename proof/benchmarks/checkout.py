"""Another version of this repository, measured beside this one."""

import io
import shlex
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from proof.benchmarks.function import REPOSITORY

Figure = TypeVar("Figure")


class NoSuchRevision(Exception):
    """Git does not have the revision; the text is what it says."""


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A version of this repository.

    Attributes:
        name: in a table.
        path: its files.
    """

    name: str
    path: Path


THIS = Checkout(name="this checkout", path=REPOSITORY)


@contextmanager
def checked_out(revision: str) -> Iterator[Checkout]:
    """The files of a revision, in a temporary folder.

    Args:
        revision: as git takes it.

    Raises:
        NoSuchRevision: git does not have it, or this is not a git checkout.
    """
    name, files = _git("rev-parse", "--short", f"{revision}^{{commit}}"), _git("archive", "--format=tar", revision)
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(files)) as archive:
            archive.extractall(folder, filter="data")
        yield Checkout(name=name.decode().strip(), path=Path(folder))


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, check=False)
    if done.returncode:
        raise NoSuchRevision(f"git {shlex.join(arguments)}: {done.stderr.decode().strip()}")
    return done.stdout


def in_turns(measures: Mapping[str, Callable[[], Figure]], *, turns: int) -> dict[str, list[Figure]]:
    """Measure several things in turn, so that other load on the machine meets all of them alike.

    Args:
        measures: by name, what measures a thing once.
        turns: how often to measure each.

    Returns:
        The figures of each.
    """
    figures: dict[str, list[Figure]] = {name: [] for name in measures}
    for turn in range(turns):
        for name in list(measures)[:: 1 if turn % 2 else -1]:
            figures[name].append(measures[name]())
    return figures


def least_of_turns(measures: Mapping[str, Callable[[], float]], *, turns: int) -> dict[str, float]:
    """The least figure of each thing, measured in turn: whatever disturbs a measurement adds to it. See in_turns."""
    return {name: min(measured) for name, measured in in_turns(measures, turns=turns).items()}
