"""`reports test`: whether the kinds of report hold what every kind has to."""

import os
from typing import Annotated

import typer

from functions.shared.project_files import PIPELINE


def test(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="Which; all, unless you name one.")] = None,  # noqa: PT028  no test
) -> None:
    """Test the kinds of report: each email that they can make, and their own tests."""
    import pytest

    from report_kit.kind_folders import folder
    from report_kit.kinds import kinds

    if kind is not None and kind not in kinds():
        raise typer.BadParameter(f"there is no kind {kind}, but {', '.join(kinds())}")
    room = folder().resolve()
    project = room.parent
    options = ["-q", "-rfEs", "-p", "no:cacheprovider", "-p", "operations.kind_tests.plugin", f"--rootdir={project}"]
    tested = [room / kind if kind else room]
    if project == PIPELINE:
        # The pipeline's own settings of pytest need what only its own tests need, and these are for `make test`.
        options += ["-c", os.devnull, f"--confcutdir={room}"]
    elif kind is None and (project / "tests").is_dir():
        tested.append(project / "tests")
    raise typer.Exit(pytest.main([*options, *map(str, tested)]))
