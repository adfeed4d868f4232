"""The subscriptions whose report is due, in the order in which they fell due."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import itemgetter

from functions.dispatcher.due_subscription import DUE_FIELDS, DueSubscription, read_due_subscription
from functions.shared.firestore.document_stream import DocumentStream, path_of
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.query import Query
from functions.shared.records.contract import Contract, UtcDatetime
from functions.shared.records.ids import DocumentId
from functions.shared.records.subscription import SUBSCRIPTIONS, is_of_a_user, subscription_path
from functions.shared.times.plausible_time import EARLIEST

STREAMS = 5
"""How many queries the shards are read by, side by side. One waits for Firestore more than the dispatcher takes to
enqueue what it returns, and each costs a document read where nothing is due."""

_order = itemgetter(
    DueSubscription._fields.index("due_at"),
    DueSubscription._fields.index("user_id"),
    DueSubscription._fields.index("subscription_id"),
)
"""By due time, then by name. Ids compare as Firestore's do: by their bytes in UTF-8, which is the order of code points.
https://firebase.google.com/docs/firestore/manage-data/data-types#data_types"""


class Cursor(Contract):
    """A place in the order in which due subscriptions are read, the same for all shards. No subscription need be
    there."""

    next_report_at: UtcDatetime
    user_id: DocumentId
    subscription_id: DocumentId

    @property
    def path(self) -> str:
        """The subscription's path, below the root."""
        return subscription_path(self.user_id, self.subscription_id)

    @classmethod
    def of(cls, due: DueSubscription) -> "Cursor":
        """The place of a subscription."""
        return cls(next_report_at=due.due_at, user_id=due.user_id, subscription_id=due.subscription_id)


def due_subscriptions(
    stream: DocumentStream,
    run_time: datetime,
    *,
    shards: Sequence[int],
    default_kind: str,
    after: Cursor | None = None,
) -> Iterator[DueSubscription]:
    """Read the subscriptions of some shards whose `next_report_at` is not after the run's time.

    Several queries answer at the same time, each for some of the shards; this puts their answers into one order, with
    one document of each in memory. So the oldest come first, and one cursor says how far all shards are read.

    If a worker moves a subscription on meanwhile, the stream may or may not return it. The worker only moves it beyond
    the run's time, so no subscription comes twice. Times before 1970 are malformed: scheduling finds those
    (scheduling.py).

    Args:
        stream: reads them.
        run_time: the run's.
        shards: which.
        default_kind: the kind of subscriptions whose document names none.
        after: the place after which to begin; None for the beginning.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
    """
    due = (
        Query.of_group(SUBSCRIPTIONS)
        .where("next_report_at", ">=", EARLIEST)
        .where("next_report_at", "<=", run_time)
        .order_by("next_report_at")
        .order_by(NAME)
        .select(DUE_FIELDS)
    )
    if after:
        due = due.start_after(after.next_report_at, after.path)
    groups = [list(shards[number::STREAMS]) for number in range(min(STREAMS, len(shards)))]
    streams = [stream.read(due.where("shard", "in", group)) for group in groups]
    return heapq.merge(
        *(
            (read_due_subscription(each, default_kind) for each in documents if is_of_a_user(path_of(each)))
            for documents in streams
        ),
        key=_order,
    )
