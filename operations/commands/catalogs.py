"""`reports catalogs`: the words of the reports in other languages."""

from typing import Annotated

import typer

from operations.output import Output


def catalogs(
    locale: Annotated[
        str | None, typer.Argument(metavar="LOCALE", help="A language to begin, such as fr or pt-BR.")
    ] = None,
) -> None:
    """Add new words of the kinds to the catalogs of every language, or begin another language."""
    from functions.shared.project_files import PIPELINE, own_project, project_folder
    from operations.kinds.catalogs import update_catalogs

    project = project_folder()
    for file in update_catalogs(project, pipeline=PIPELINE if own_project() else None, new=locale):
        Output().say(str(file.relative_to(project)))
