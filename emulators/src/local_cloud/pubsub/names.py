"""Names of topics, subscriptions, snapshots and schemas, and which of them Pub/Sub takes.

https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
"""

import re

import grpc

from local_cloud.project_id import PROJECT_ID
from local_cloud.rpc import RpcError

_ID = re.compile(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")

DELETED_TOPIC = "_deleted-topic_"
"""The topic of a subscription after its own topic is deleted."""

DELETED_SCHEMA = "_deleted-schema_"
"""The schema of a topic after its own schema is deleted."""


def check_name(name: str, collection: str) -> None:
    """Refuse a name that Pub/Sub would refuse.

    Args:
        name: the full name, such as `projects/p/topics/t`.
        collection: `topics`, `subscriptions`, `snapshots` or `schemas`.

    Raises:
        RpcError: INVALID_ARGUMENT, with the name.
    """
    parts = re.fullmatch(rf"projects/{PROJECT_ID}/{collection}/(.+)", name)
    if not parts or not _ID.fullmatch(parts[1]) or parts[1].lower().startswith("goog"):
        raise RpcError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Invalid resource name given (name={name}). "
            "Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information.",
        )


def check_project(name: str) -> None:
    """Refuse what is not `projects/{project}`.

    Raises:
        RpcError: INVALID_ARGUMENT, with the name.
    """
    if not re.fullmatch(f"projects/{PROJECT_ID}", name):
        raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid project name given (name={name}).")


def short_name(name: str) -> str:
    """The last part of a full name."""
    return name.rsplit("/", 1)[-1]


def project_of(name: str) -> str:
    """`projects/p` of any full name below it."""
    return "/".join(name.split("/")[:2])
