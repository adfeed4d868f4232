"""A published message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.pubsub_v1 import types


@dataclass(frozen=True, kw_only=True, eq=False)
class Message:
    """A published message, shared by all subscriptions that hold it.

    Attributes:
        sequence: its place among all that were published; later ones have greater numbers.
        published_at: when.
        size: in bytes, as quotas and flow control count it.
    """

    sequence: int
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str
    message_id: str
    published_at: datetime
    size: int

    def to_proto(self) -> Any:
        """The same as the wire has it, as a plain protobuf message."""
        proto = types.PubsubMessage.pb()(
            data=self.data,
            attributes=dict(self.attributes),
            message_id=self.message_id,
            ordering_key=self.ordering_key,
        )
        proto.publish_time.FromDatetime(self.published_at)
        return proto
