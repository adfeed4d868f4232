"""The deployment of a project."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from functions.shared.project_files import PIPELINE, own_project
from operations.errors import OperatorError
from operations.projects.kinds_lock import lock_problem
from operations.projects.pipeline_lock import read_pin
from virtual_environment import SetUpError, set_up


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
        return [deployment_python(project), "-P", "-m", "deployment", *options]
    return ["bash", str(PIPELINE / "deploy.sh"), *options]


def deployment_python(project: Path | None) -> str:
    """The Python of the project, None for a clone, with what a deployment needs beside the rest.

    Raises:
        OperatorError: that cannot be installed.
    """
    if project and importlib.util.find_spec("googleapiclient") is None:
        try:
            set_up(project / ".venv", [PIPELINE / "requirements-deployment.lock"], [])
        except SetUpError as error:
            raise OperatorError(str(error)) from error
    return sys.executable
