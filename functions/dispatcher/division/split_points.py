"""Asks Firestore where to divide a run: how many users are left, since when, and where their ids lie."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.division.shares import MOST_SHARES, Moment, cut
from functions.dispatcher.due_user import DueUser
from functions.dispatcher.due_users import Cursor

_MOST_MOMENTS = 40
"""How many due times the look takes in. Most reports fall due on the quarters of an hour, so these are ten missed
hours; users who fell due later are in the last share."""

_NAMES_A_SHARE = 8
LOOK_AFTER = 0.1
"""After so much of a share the look for cuts begins. Most runs are smaller and do without."""

_CUT_AFTER = 0.5
"""After so much of a share the run waits for the look. No share is smaller than half of what it is to be, so this place
is before the first cut, also when the queue repeats this part of the run and the cuts are those noted before."""

_THREADS = 16


class SplitPoints:
    """Finds the places at which to divide what is left of a run, while the run reads users.

    Args:
        client: the Firestore client.
        run_time: the time that the run is for.
        share_size: about how many users a share is to have.
        threads: those in which to look.
    """

    def __init__(
        self, client: firestore.Client, *, run_time: datetime, share_size: int, threads: ThreadPoolExecutor
    ) -> None:
        self._client = client
        self._active = client.collection("users").where(filter=FieldFilter("active", "==", True))
        self._run_time = run_time
        self._share_size = share_size
        self._threads = threads
        self._looking: Future[list[Cursor]] | None = None

    def find(self, read: int, user: DueUser) -> list[Cursor]:
        """The ends of all shares but the last, once: as soon as they are known, or at the latest after half a share.

        The price is one document read for each due time and for each thousand users who are left, which is less than
        a hundredth of what reading them costs.
        https://firebase.google.com/docs/firestore/query-data/aggregation-queries#pricing

        Args:
            read: how many users the run has read. Call after each.
            user: the last of them.

        Returns:
            places after this user; none where they are not known yet, were returned before, or are not worth it.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        if read == max(int(self._share_size * LOOK_AFTER), 1):
            self._looking = self._threads.submit(self._look, Cursor.of(user))
        if self._looking is None or not (self._looking.done() or read >= self._share_size * _CUT_AFTER):
            return []
        cuts, self._looking = self._looking.result(), None
        return [place for place in cuts if place.order > Cursor.of(user).order]

    def _look(self, after: Cursor) -> list[Cursor]:
        due_times = self._due_times(self._run_time, after)
        with ThreadPoolExecutor(_THREADS) as threads:
            counts = threads.map(lambda due_at: self._count(due_at, after), due_times)
            moments = [Moment(due_at, users) for due_at, users in zip(due_times, counts, strict=True)]
        if sum(moment.users for moment in moments) <= self._share_size:
            return []
        return cut(moments, self._names(), self._share_size, after=after)

    def _due_times(self, run_time: datetime, after: Cursor) -> list[datetime]:
        """The due times that are left, each found after the one before."""
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
        """Ids that cut the users into pieces of about one size, as Firestore partitions them itself.

        https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#partitionqueryrequest
        """
        partitions = self._client.collection_group("users").get_partitions(MOST_SHARES * _NAMES_A_SHARE)
        ends = [partition.end_at for partition in partitions if partition.end_at is not None]
        # A collection of this name below another document is not the pipeline's.
        return sorted((end.id for end in ends if end.parent.parent is None), key=str.encode)
