"""`reports new`: the beginning of a report of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from operations.commands.group import AsJson
from operations.errors import OperatorError
from operations.kinds.kind_source import Source
from operations.output import Output, notice


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="How users' documents will name it: small letters, _.")],
    *,
    sql: Annotated[bool, typer.Option("--sql", help="A report from SQL: one YAML file in place of Python.")] = False,
    source: Annotated[
        Source | None, typer.Option(help="Which database a report from SQL reads; default: postgresql.")
    ] = None,
    trigger_email: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="An export of Firebase's Trigger Email: the report says what its template KIND says."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a working kind of report, with a test, for you to change."""
    from functions.shared.project_files import PIPELINE, own_project, project_folder
    from operations.kinds.new_kind import write_kind
    from operations.kinds.trigger_email import converted

    if source and not sql:
        raise typer.BadParameter("only a report from SQL has one: add --sql", param_hint="--source")
    if sql and trigger_email:
        raise typer.BadParameter("a report from SQL takes no template", param_hint="--trigger-email")
    template = converted(trigger_email, kind) if trigger_email else None
    chosen = (source or Source.POSTGRESQL) if sql else None
    project = project_folder()
    pipeline = PIPELINE if own_project() else None
    written = write_kind(kind, project, pipeline=pipeline, source=chosen, template=template)
    if pipeline and sql:
        written += _lock(project, pipeline)
    files = [str(file.relative_to(project)) for file in written]
    output = Output(as_json=as_json)
    if as_json:
        output.json({"kind": kind, "files": files})
        return
    for file in files:
        output.say(file)
    output.say()
    for line in template.told if template else ():
        output.say(line)
    output.say(f"Look at it: reports preview --sample --kind {kind} --open --watch")
    if sql and not pipeline:
        output.say("Before you deploy it: reports lock, which makes kinds.lock of its packages.")


def _lock(project: Path, pipeline: Path) -> list[Path]:
    """Add the packages of the kind to kinds.lock; without a network that is left for later."""
    from operations.projects.kinds_lock import update_kinds_lock

    try:
        return [update_kinds_lock(project, pipeline)]
    except OperatorError as error:
        notice(f"kinds.lock is not made again: {error} Fix that, and run reports lock.")
        return []
