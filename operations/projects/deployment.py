"""The deployment of a project."""

from collections.abc import Sequence

from functions.shared.project_files import PIPELINE, own_project
from operations.errors import OperatorError
from operations.projects.kinds_lock import lock_problem
from operations.projects.pipeline_lock import read_pin


def deployment(options: Sequence[str]) -> list[str]:
    """The command that deploys the project; `REPORTS_PROJECT` tells it the project's folder.

    Args:
        options: of `deploy.sh`.

    Raises:
        OperatorError: the project is not to be deployed as it is.
    """
    if project := own_project():
        if problem := lock_problem(project, PIPELINE):
            raise OperatorError(problem)
        # A look changes nothing.
        harmless = {"--dirty", "--dry-run", "--check", "--help"}
        if read_pin(project).path and not harmless & set(options):
            raise OperatorError(
                "pipeline.lock names a path, and what is there tomorrow is not known: ./reports upgrade pins a "
                "version, and --dirty deploys it all the same."
            )
    return ["bash", str(PIPELINE / "deploy.sh"), *options]
