"""The local Firestore as deploy.sh sets up the real one."""

from typing import Any

from local_cloud.firestore.required_indexes import refuse
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.index_file import read_index_file
from local_pipeline.project import Project
from tests.support import REPOSITORY


def deployed_firestore(**settings: Any) -> FirestoreEmulator:
    """One with the indexes that are deployed. It refuses each query that needs another, as Firestore would.

    Args:
        settings: those of a FirestoreEmulator.
    """
    indexes = read_index_file(*Project(folder=REPOSITORY, repository=REPOSITORY).index_files)
    return FirestoreEmulator(**settings, rest_port=0, declared_indexes=indexes, on_missing_index=refuse)
