"""Google's own client, for kinds of report: it has methods that the pipeline does without, and costs more."""

import functools

from google.cloud.firestore import Client

__all__ = ["Client", "google_client"]


@functools.cache
def google_client(project: str, database: str) -> Client:
    """The client of a database; FIRESTORE_EMULATOR_HOST, where set, is what it talks to. Not to be made at import."""
    return Client(project=project, database=database)
