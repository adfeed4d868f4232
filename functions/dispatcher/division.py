"""What is asked of Firestore to divide a run: how many users are left, since when, and where their ids lie."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.cursor import Cursor
from functions.dispatcher.shares import MOST_SHARES, Moment, cut

_MOST_MOMENTS = 40
"""How many due times are looked at. Reports fall due on the quarters of an hour at most, so these are ten hours that
were missed; whoever fell due later is in the last share."""

_NAMES_A_SHARE = 8
_THREADS = 16


class Division:
    """Divides what is left of a run.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._active = client.collection("users").where(filter=FieldFilter("active", "==", True))

    def divide(self, run_time: datetime, *, after: Cursor, share_size: int) -> list[Cursor]:
        """Find the ends of all shares but the last; none where the rest is not worth dividing.

        The price is one document read for each due time and for each thousand users who are left, which is less than
        a hundredth of what reading them costs.
        https://firebase.google.com/docs/firestore/query-data/aggregation-queries#pricing

        Args:
            run_time: the run's.
            after: the last user that was read.
            share_size: about how many users a share is to have.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        due_times = self._due_times(run_time, after)
        with ThreadPoolExecutor(_THREADS) as threads:
            counts = threads.map(lambda due_at: self._count(due_at, after), due_times)
            moments = [Moment(due_at, users) for due_at, users in zip(due_times, counts, strict=True)]
        if sum(moment.users for moment in moments) <= share_size:
            return []
        return cut(moments, self._names(), share_size)

    def _due_times(self, run_time: datetime, after: Cursor) -> list[datetime]:
        """The due times that are left, each found behind the one before."""
        times = [after.next_report_at]
        due = self._active.where(filter=FieldFilter("next_report_at", "<=", run_time)).order_by("next_report_at")
        while len(times) < _MOST_MOMENTS:
            following = due.start_after({"next_report_at": times[-1]}).select(["next_report_at"]).limit(1).get()
            if not following:
                break
            times.append(following[0].get("next_report_at"))
        return times

    def _count(self, due_at: datetime, after: Cursor) -> int:
        users: Any = self._active.where(filter=FieldFilter("next_report_at", "==", due_at)).order_by("__name__")
        if due_at == after.next_report_at:
            users = users.start_after({"__name__": self._client.collection("users").document(after.user_id)})
        return int(users.count().get()[0][0].value)

    def _names(self) -> list[str]:
        """Ids that cut the users into pieces of about one size, as Firestore has them cut for itself.

        https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#partitionqueryrequest
        """
        partitions = self._client.collection_group("users").get_partitions(MOST_SHARES * _NAMES_A_SHARE)
        ends = [partition.end_at for partition in partitions if partition.end_at is not None]
        # Other collections of this name, below other documents, are none of ours.
        return sorted((end.id for end in ends if end.parent.parent is None), key=str.encode)
