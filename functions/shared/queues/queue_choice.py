"""Chooses the queue for a user's reports. Pure."""

import hashlib
from collections.abc import Sequence


def choose_queue(user_id: str, queues: Sequence[str]) -> int:
    """Choose by rendezvous hashing: evenly, always the same for the same queues in whatever order.

    A new queue takes its share from all others alike, and no user moves between those. A removed queue gives its users
    to all of them. https://www.eecs.umich.edu/techreports/cse/96/CSE-TR-316-96.pdf

    Args:
        user_id: whose reports.
        queues: the queues' ids, at least one.

    Returns:
        the queue's index.
    """
    if len(queues) == 1:
        return 0
    return max(
        range(len(queues)),
        key=lambda index: hashlib.blake2b(f"{queues[index]}\x00{user_id}".encode(), digest_size=8).digest(),
    )
