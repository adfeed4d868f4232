"""Which version of the pipeline a project runs: its file `pipeline.lock`, which the project's script reads, too."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from operations.errors import OperatorError

PIPELINE_LOCK = "pipeline.lock"

_HEAD = "# The version of Report Pipeline that this project runs. ./reports upgrade writes this file.\n"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A version of the pipeline.

    Attributes:
        source: the repository, as git takes it; empty where it is a path.
        version: as its `pyproject.toml` has it; its tag is that with a `v` before it, where it is a release.
        commit: the full name of its commit.
        path: the folder that has it, from the project's; empty where it is a commit. It does not deploy without
            `--dirty`.
    """

    source: str = ""
    version: str = ""
    commit: str = ""
    path: str = ""

    @property
    def text(self) -> str:
        """The file's text."""
        if self.path:
            return f"{_HEAD}path: {self.path}\n"
        return f"{_HEAD}source: {self.source}\nversion: {self.version}\ncommit: {self.commit}\n"


def read_pin(project: Path) -> Pin:
    """The version that a project names.

    Raises:
        OperatorError: it names none.
    """
    file = project / PIPELINE_LOCK
    try:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
        pin = Pin(**{name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)})
    except (OSError, UnicodeDecodeError, TypeError) as error:
        raise OperatorError(f"{file} cannot be read ({error}): git checkout {PIPELINE_LOCK} brings it back.") from error
    if not pin.path and not (pin.source and _COMMIT.fullmatch(pin.commit)):
        raise OperatorError(f"{file} names neither a path nor source, version and commit.")
    return pin


def without_password(source: str) -> str:
    """The address of a repository without the password that somebody's own settings have in it: git asks for it."""
    parts = urlsplit(source)
    if parts.scheme in {"http", "https"} and "@" in parts.netloc:
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return source
