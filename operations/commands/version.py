"""`reports version`: what this checkout is, and what runs."""

from dataclasses import asdict

import typer

from operations.commands.group import AsJson, session
from operations.errors import NotConfigured
from operations.output import Output, notice

_COLUMNS = ("what", "version", "commit", "project")


def version(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """The version and the commit of this checkout or project, and of each function and the console as they are
    deployed."""
    from functions.shared.project_files import own_project
    from operations.releases.running_versions import checkout_version, deployed_versions

    versions = [checkout_version(project=own_project())]
    try:
        versions += deployed_versions(session(ctx))
    except NotConfigured as error:
        notice(f"What is deployed is not known: {error}")
    Output(as_json=as_json).rows([asdict(each) for each in versions], _COLUMNS, empty="", optional=("project",))
