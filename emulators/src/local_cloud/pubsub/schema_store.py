"""All schemas of Pub/Sub, and their revisions.

https://cloud.google.com/pubsub/docs/schemas
"""

import secrets
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.iam.v1 import policy_pb2
from google.pubsub_v1 import types

from local_cloud.clock import Clock
from local_cloud.pubsub.names import DELETED_SCHEMA
from local_cloud.pubsub.schema_definition import Check, InvalidData
from local_cloud.rpc import RpcError

MAX_REVISIONS = 20


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A revision.

    Attributes:
        config: the google.pubsub.v1.Schema with its definition, a plain protobuf message.
        check: what it says of a message's data.
    """

    config: Any
    check: Check


@dataclass(eq=False)
class Schema:
    """A schema.

    Attributes:
        revisions: those that are not deleted, oldest first; never empty.
        numbers: which one each revision id stands for, those of deleted ones included: a topic may name one.
    """

    revisions: list[Revision] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    policy: policy_pb2.Policy = field(default_factory=policy_pb2.Policy)

    def find(self, revision_id: str) -> Revision:
        """A revision, the latest where the id is empty.

        Raises:
            RpcError: NOT_FOUND.
        """
        for revision in reversed(self.revisions):
            if revision_id in {"", revision.config.revision_id}:
                return revision
        raise _not_found(f"{self.revisions[0].config.name}@{revision_id}")

    def between(self, first: str, last: str) -> list[Revision]:
        """The revisions that a topic allows, latest first.

        Args:
            first: the id of the first, empty for no limit. Where it was deleted, the next one is the first.
            last: that of the last, likewise.
        """
        least, most = self.numbers.get(first, 0), self.numbers.get(last, len(self.numbers))
        return [
            revision
            for revision in reversed(self.revisions)
            if least <= self.numbers[revision.config.revision_id] <= most
        ]


class SchemaStore:
    """The schemas of all projects, by their full names.

    Args:
        clock: when revisions are made.
    """

    def __init__(self, clock: Clock) -> None:
        self.schemas: dict[str, Schema] = {}
        self._clock = clock

    def find(self, name: str) -> tuple[Schema, str]:
        """The schema of a name such as `projects/p/schemas/s` or `projects/p/schemas/s@c7cfa2a8`, and the revision id.

        Raises:
            RpcError: NOT_FOUND.
        """
        name, _, revision_id = name.partition("@")
        if name not in self.schemas:
            raise _not_found(name)
        return self.schemas[name], revision_id

    def add_revision(self, schema: Schema, config: Any, check: Check) -> Any:
        """Make a definition a schema's latest revision; returns it as it is kept.

        Raises:
            RpcError: FAILED_PRECONDITION: the schema has as many as it may have.
        """
        if len(schema.revisions) >= MAX_REVISIONS:
            raise RpcError(
                grpc.StatusCode.FAILED_PRECONDITION, f"A schema cannot have more than {MAX_REVISIONS} revisions."
            )
        kept = types.Schema.pb()()
        kept.CopyFrom(config)
        kept.revision_id = secrets.token_hex(4)
        kept.revision_create_time.FromDatetime(self._clock.now())
        schema.numbers[kept.revision_id] = len(schema.numbers)
        schema.revisions.append(Revision(config=kept, check=check))
        return kept

    def check_settings(self, settings: Any) -> None:
        """Refuse a topic's schema settings.

        Raises:
            RpcError: NOT_FOUND: there is no such schema or revision; INVALID_ARGUMENT.
        """
        if settings.schema == DELETED_SCHEMA:
            return
        schema, _ = self.find(settings.schema)
        if settings.encoding not in (types.Encoding.JSON, types.Encoding.BINARY):
            raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, "schema_settings.encoding must be JSON or BINARY.")
        numbers = [schema.numbers[schema.find(id_).config.revision_id] for id_ in _range(settings) if id_]
        if numbers != sorted(numbers):
            raise RpcError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "schema_settings.first_revision_id must not be of a later revision than last_revision_id.",
            )

    def attributes(self, settings: Any, data: bytes) -> dict[str, str]:
        """Check a message's data by a topic's schema settings; returns the attributes that say what it was found to be.

        https://cloud.google.com/pubsub/docs/publish-topics-schema

        Raises:
            RpcError: INVALID_ARGUMENT: no revision in the range allows the data; FAILED_PRECONDITION: the schema is
                deleted.
        """
        if settings.schema == DELETED_SCHEMA:
            raise RpcError(grpc.StatusCode.FAILED_PRECONDITION, "The schema of the topic is deleted.")
        schema, _ = self.find(settings.schema)
        reasons = []
        for revision in schema.between(*_range(settings)):
            try:
                revision.check(data, settings.encoding)
            except InvalidData as error:
                reasons.append(f"{revision.config.revision_id}: {error}")
            else:
                return {
                    "googclient_schemaencoding": types.Encoding(settings.encoding).name,
                    "googclient_schemaname": settings.schema,
                    "googclient_schemarevisionid": revision.config.revision_id,
                }
        raise RpcError(
            grpc.StatusCode.INVALID_ARGUMENT, f"Invalid data in message: {'; '.join(reasons) or 'no revision is left'}."
        )


def _range(settings: Any) -> tuple[str, str]:
    return settings.first_revision_id, settings.last_revision_id


def _not_found(name: str) -> RpcError:
    return RpcError(grpc.StatusCode.NOT_FOUND, f"Schema not found (schema={name}).")
