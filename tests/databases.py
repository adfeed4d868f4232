"""The databases of a pipeline, for tests that make its parts themselves."""

from typing import Any

from functions.shared.databases import Databases


def one_database(client: Any) -> Databases:
    """One for everything, as by default.

    Args:
        client: a google.cloud.firestore.Client.
    """
    return Databases(users=client, pipeline=client)


def database_of(request: Any) -> str:
    """The id of the database that a request to Firestore is for.

    Args:
        request: the protobuf message, of any method.
    """
    name = request.database if "database" in request.DESCRIPTOR.fields_by_name else request.parent
    return str(name.split("/")[3])
