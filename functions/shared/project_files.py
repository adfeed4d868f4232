"""Where the files of a project are: the kinds of report and the settings that a team owns, beside the pipeline's code.

A clone of the pipeline is a project whose pipeline is itself.
"""

import os
from pathlib import Path

PIPELINE = Path(__file__).resolve().parents[2]
"""The folder of this version of the pipeline. In a project nothing is written into it."""

PROJECT_VARIABLE = "REPORTS_PROJECT"
"""The environment variable by which a project's command names the project's folder."""

DEPLOYED = (
    *("functions", "report_kit", "kinds", "kinds.lock", "operations", "deployment"),
    *("deploy.sh", "queue.yaml", "scheduler.yaml", "brands.yaml"),
)
"""What a deployment is made of, of the pipeline: changes elsewhere do not make a checkout dirty."""

DEPLOYED_OF_PROJECT = (
    *("kinds", "kinds.lock", "pipeline.lock", "locales"),
    *("queue.yaml", "scheduler.yaml", "brands.yaml", "firestore.indexes.json"),
)
"""Likewise, of a project."""


def project_folder() -> Path:
    """The folder that has the project's `kinds/` in it."""
    return Path(os.environ.get(PROJECT_VARIABLE) or PIPELINE)


def own_project() -> Path | None:
    """The same; None in a clone."""
    folder = project_folder()
    return None if folder == PIPELINE else folder


def deploy_command() -> str:
    """How people deploy: by the project's command, or in a clone by its script."""
    return "./reports deploy" if own_project() else "./deploy.sh"


def own_catalogs(part: str) -> Path:
    """Where a project has the words of the pipeline in languages that the pipeline does not speak. A deployment puts
    them among the pipeline's own.

    Args:
        part: whose words: `report_kit`, or `preferences` for the recipient's page.
    """
    return project_folder() / "locales" / part


def project_file(name: str) -> Path:
    """A file of the project, or the pipeline's own where the project has none.

    Args:
        name: from the folder of either, such as `scheduler.yaml`.
    """
    own = project_folder() / name
    return own if own.is_file() else PIPELINE / name
