"""`reports new`: the beginning of a report of one's own."""

from typing import Annotated

import typer

from operations.commands.group import AsJson
from operations.new_kind import ROOT, write_kind
from operations.output import Output


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="How users' documents will name it: small letters, _.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write the skeleton of a kind of report, with a test, ready to be looked at and changed."""
    files = [str(file.relative_to(ROOT)) for file in write_kind(kind, ROOT)]
    output = Output(as_json=as_json)
    if as_json:
        output.json({"kind": kind, "files": files})
        return
    for file in files:
        output.say(file)
    output.say()
    output.say(f"Look at it: reports preview --sample --kind {kind} --open --watch")
