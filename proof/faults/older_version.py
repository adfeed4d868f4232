"""The functions of the released version, from the history of this repository.

older_version.txt names the commit.
"""

import io
import subprocess
import tarfile
from pathlib import Path

from tests.function_process import REPOSITORY

_FILE = Path(__file__).with_name("older_version.txt")


class OlderVersionMissing(Exception):
    """The commit is not in this copy of the repository. The message says how to get it."""


def older_commit() -> str:
    """The commit's full name."""
    (commit,) = (line for line in _FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return commit


def lay_out_older_version(directory: Path, *, repository: Path = REPOSITORY) -> None:
    """Write the commit's functions, and what they import, into a directory.

    Args:
        directory: an empty one.
        repository: whose history has the commit.

    Raises:
        OlderVersionMissing: it does not have it.
    """
    archive = ["git", "-C", str(repository), "archive", "--format=tar", older_commit(), ".", ":!tests", ":!docs"]
    try:
        content = subprocess.run(archive, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise OlderVersionMissing(_missing("git is not installed")) from None
    except subprocess.CalledProcessError as error:
        raise OlderVersionMissing(_missing(error.stderr.decode(errors="replace").strip())) from None
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(directory, filter="data")


def _missing(why: str) -> str:
    return (
        f"the released version, commit {older_commit()[:7]} ({_FILE.name}), is not in this copy of the repository"
        f" ({why}). In a shallow clone, git fetch --unshallow brings it; a copy without .git has no history: clone"
        " the repository."
    )
