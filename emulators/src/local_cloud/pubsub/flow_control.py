"""Limits the outstanding messages of a streaming pull.

https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#streamingpullrequest
"""

from dataclasses import dataclass


@dataclass(kw_only=True)
class FlowControl:
    """One subscriber's limits, and what it holds that it has neither acknowledged nor refused.

    Attributes:
        max_messages: at most so many at once; 0 or less: no limit.
        max_bytes: nothing more is sent while so many bytes are out; 0 or less: no limit.
        messages: how many are out.
        bytes: their size.
    """

    max_messages: int = 0
    max_bytes: int = 0
    messages: int = 0
    bytes: int = 0

    @property
    def is_open(self) -> bool:
        """Whether one more message may be sent."""
        return not (0 < self.max_messages <= self.messages or 0 < self.max_bytes <= self.bytes)

    def hold(self, size: int) -> None:
        """Count a message that was sent."""
        self.messages += 1
        self.bytes += size

    def release(self, size: int) -> None:
        """Take off one that was acknowledged or refused, or whose deadline passed."""
        self.messages -= 1
        self.bytes -= size
