"""The local cloud of a project."""

import os
import sys
from collections.abc import Sequence

from functions.shared.project_files import project_folder
from operations.connection.local_directory import LOCAL_CLOUD_DIRECTORY


def local_run(options: Sequence[str]) -> list[str]:
    """The command that starts the local cloud with the project's kinds.

    Args:
        options: of `python -m local_cloud up`. Those that are given twice count as they are given last.
    """
    places = ("--project", str(project_folder()), "--data-dir", os.path.relpath(LOCAL_CLOUD_DIRECTORY))
    return [sys.executable, "-m", "local_cloud", "up", *places, *options]
