"""`reports upgrade`: another version of the pipeline for this project."""

from typing import Annotated

import typer

from operations.errors import ExitStatus
from operations.output import Output


def upgrade(
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="A release, a branch or a commit; default: the newest release."),
    ] = None,
    *,
    accept_api: Annotated[
        bool, typer.Option("--accept-api", help="Take a version for which kinds must change, to change them.")
    ] = False,
) -> None:
    """Move to another version of the pipeline: write pipeline.lock and kinds.lock, show what has changed, run the
    tests, and plan the deployment."""
    from functions.shared.project_files import PIPELINE, own_project
    from operations.errors import OperatorError
    from operations.projects.upgrade import plan_upgrade, try_version, write_upgrade

    project = own_project()
    if project is None:
        raise OperatorError("This is a clone: git merge or git checkout takes it to another version.")
    plan = plan_upgrade(project, PIPELINE, version, accepts_api=accept_api)
    changed = write_upgrade(project, plan)
    output = Output()
    if not changed:
        output.say(f"This project runs {plan.pin.version} ({plan.pin.commit[:7]}) already.")
        return
    for line in (plan.changes or "The change log says nothing about it.").splitlines():
        output.say(line)
    output.say()
    output.say(f"{plan.pin.version} ({plan.pin.commit[:7]}): {' and '.join(changed)} changed.")
    back = f"Back: git checkout {' '.join(changed)}"
    if try_version(project, "test"):
        output.say(f"The tests fail with it. {back}")
        raise typer.Exit(ExitStatus.FAILED)
    if not (project / "deploy.env").is_file():
        output.say(f"reports deploy --dry-run says what a deployment would change. {back}")
    elif try_version(project, "deploy", "--dry-run"):
        output.say(f"The dry run of a deployment fails with it. {back}")
        raise typer.Exit(ExitStatus.FAILED)
