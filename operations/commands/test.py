"""`reports test`: whether the kinds of report hold what every kind has to."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

_PIPELINE = Path(__file__).resolve().parents[2]


def test(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="Which; all, unless you name one.")] = None,  # noqa: PT028  no test
) -> None:
    """Test the kinds of report: what holds for every email of one, and what their own tests say."""
    from operations.errors import NotConfigured
    from report_kit.kind_folders import folder, folder_of
    from report_kit.kinds import kinds

    if kind is not None and kind not in kinds():
        raise typer.BadParameter(f"there is no kind {kind}, but {', '.join(kinds())}")
    if importlib.util.find_spec("pytest") is None:
        raise NotConfigured("pytest is not installed: run make setup.")
    import pytest

    project = folder().resolve().parent
    tested = [folder_of(kind) if kind else folder()]
    # Those of a clone are the pipeline's own, for which `make test` is there.
    if kind is None and project != _PIPELINE and (project / "tests").is_dir():
        tested.append(project / "tests")
    options = ["-q", "-rfEs", "-p", "no:cacheprovider", "-p", "operations.kind_tests.plugin", f"--rootdir={project}"]
    raise typer.Exit(pytest.main([*options, *(str(each.resolve()) for each in tested)]))
