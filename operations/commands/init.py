"""`reports init`: a project beside this clone."""

from pathlib import Path
from typing import Annotated

import typer

from operations.commands.group import AsJson
from operations.output import Output, notice


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project: a new folder, or an empty one.")],
    *,
    sql: Annotated[bool, typer.Option("--sql", help="Begin with a report from SQL in place of one in Python.")] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Begin with a whole report, the first of this clone.")
    ] = False,
    moved_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="CLONE",
            help="Take over the reports and settings of a clone.",
            file_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a project beside this clone: a repository for your own kinds of report and settings."""
    from functions.shared.project_files import PIPELINE, own_project
    from operations.errors import OperatorError
    from operations.projects.new_project import Beginning, make_project

    if sql + example + (moved_from is not None) > 1:
        raise typer.BadParameter("--sql, --example and --from are one choice")
    if own_project():
        raise OperatorError("This is a project: a further one is made in a clone of the pipeline.")
    beginning = Beginning.SQL if sql else Beginning.EXAMPLE if example else Beginning.PYTHON
    made = make_project(folder, PIPELINE, beginning=beginning, moved_from=moved_from)
    output = Output(as_json=as_json)
    if as_json:
        output.json({"folder": str(folder), "files": made.files, "pin": made.pin.text, "notes": made.notes})
        return
    for file in made.files:
        output.say(file)
    for note in made.notes:
        notice(note)
    output.say()
    output.say(f"Go on there: cd {folder} && ./reports run")
