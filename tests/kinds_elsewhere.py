"""Kinds of report that are somewhere else than in `kinds/`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import kinds as room
from report_kit import language, rendering
from report_kit.kinds import kinds


@contextmanager
def kinds_in(folder: Path) -> Iterator[None]:
    """Find the kinds of a folder, too, and them first.

    Args:
        folder: with a folder for each kind.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "__path__", [str(folder), *room.__path__])
        # What is known of a kind may be that of another one with its name, before and after.
        _forget()
        yield
    _forget()
    packages = tuple(f"{room.__name__}.{kind.name}" for kind in folder.iterdir())
    for name in [name for name in sys.modules if name.startswith(packages)]:
        del sys.modules[name]


def _forget() -> None:
    kinds.cache_clear()
    language.forget_catalogs()
    rendering.forget_templates()
