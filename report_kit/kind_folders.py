"""Where the kinds of report are."""

from pathlib import Path

import kinds


def folder() -> Path:
    """The folder that has the kinds in it."""
    return Path(kinds.__path__[0])


def folder_of(kind: str) -> Path:
    """The folder with all that belongs to a kind."""
    return folder() / kind
