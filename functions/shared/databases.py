"""The databases of a pipeline: that of the users, and that of the pipeline's own collections. By default they are one.

The two are types of their own, so that no part is given the wrong one. Nothing spans two databases: no transaction, no
batch, no query. https://cloud.google.com/firestore/native/docs/manage-databases
"""

from typing import NamedTuple, NewType, Self

from google.cloud import firestore

from functions.shared.clients import firestore_client
from functions.shared.settings import CommonSettings, PipelineSettings

UsersDatabase = NewType("UsersDatabase", firestore.Client)
"""The client of the database that has users and their subscriptions, beside whatever else the team's application keeps
there: FIRESTORE_DATABASE."""

PipelineDatabase = NewType("PipelineDatabase", firestore.Client)
"""The client of the database that has the pipeline's own collections: PIPELINE_DATABASE."""


def users_database(settings: CommonSettings) -> UsersDatabase:
    """The users' database of a function; not to be called at import (clients.py)."""
    return UsersDatabase(firestore_client(settings.google_cloud_project, settings.firestore_database))


def pipeline_database(settings: PipelineSettings) -> PipelineDatabase:
    """The pipeline's database of a function; not to be called at import (clients.py)."""
    return PipelineDatabase(firestore_client(settings.google_cloud_project, settings.pipeline_database))


class Databases(NamedTuple):
    """Both, for what works with users and with the pipeline's documents."""

    users: UsersDatabase
    pipeline: PipelineDatabase

    @classmethod
    def from_settings(cls, settings: PipelineSettings) -> Self:
        """The databases of a function; not to be called at import (clients.py)."""
        return cls(users=users_database(settings), pipeline=pipeline_database(settings))

    @property
    def are_one(self) -> bool:
        """Whether they are one and the same, so that a commit and a read can span both sides."""
        users: firestore.Client = self.users
        return users is self.pipeline
