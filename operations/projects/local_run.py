"""The local cloud of a project."""

import os
import sys
from collections.abc import Sequence
from datetime import datetime

from functions.shared.project_files import own_project, project_folder
from operations.connection.local_directory import LOCAL_CLOUD_DIRECTORY
from operations.output import notice


def local_run(options: Sequence[str], *, now: datetime) -> list[str]:
    """The command that starts the local cloud with the project's kinds.

    Args:
        options: of `python -m local_pipeline up`. Those that are given twice count as they are given last.
        now: the present, in UTC.
    """
    places = ["--project", str(project_folder()), "--data-dir", os.path.relpath(LOCAL_CLOUD_DIRECTORY)]
    if own_project():
        from operations.projects.sample_documents import write_sample_documents

        file = LOCAL_CLOUD_DIRECTORY / "sample-documents.json"
        write_sample_documents(file, now=now, on_mistake=notice)
        places += ["--documents", str(file)]
    return [sys.executable, "-m", "local_pipeline", "up", *places, *options]
