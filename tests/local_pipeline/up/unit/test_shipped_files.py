"""The emulators are set up by the files that are deployed."""

import pytest

from local_cloud.flags_file import read_flags_file
from local_cloud.index_file import read_index_file
from local_cloud.tasks.settings import queue_from_flags
from tests.support import REPOSITORY


@pytest.mark.parametrize("shipped", ["queue.yaml", "deployment/continuation-queue.yaml"])
def test_a_queue(shipped: str) -> None:
    queue = queue_from_flags(read_flags_file(REPOSITORY / shipped))
    assert queue.rate_limits.max_dispatches_per_second > 0
    assert queue.retry_config.max_attempts > 1


def test_the_indexes() -> None:
    indexes = read_index_file(REPOSITORY / "deployment" / "firestore.indexes.json")
    subscriptions = indexes["report_subscriptions"]
    assert subscriptions.group_kept == ((("shard",), ("next_report_at",)),)
    assert ("shard",) in subscriptions.group_fields
    assert {("shard",), ("next_report_at",)} <= subscriptions.exempt
    assert (("active",), ("enrolled_at",)) in indexes["users"].kept
    assert not indexes["users"].has_group
