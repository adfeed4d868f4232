"""The client of a run."""

import sys
from collections.abc import Mapping

from deployment.engine.credentials import session
from deployment.engine.google_client import GoogleClient


def client_of(variables: Mapping[str, str]) -> GoogleClient:
    """The client for the project and the state of the run in the environment that deploy.sh makes."""
    project = variables["PROJECT_ID"]
    return GoogleClient(
        session(project),
        project,
        say=lambda line: print(line, file=sys.stderr),
        apis_may_be_off=variables["APIS_ON"] != "yes",
    )
