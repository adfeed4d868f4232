"""Divides a large run among instances: the seam between a run and all that is in this folder.

A run of a usual size never gets here beyond the first question: nothing is divided, and no instance waits for another.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise

from functions.dispatcher.division.split_points import SplitPoints
from functions.dispatcher.due_user import DueUser
from functions.dispatcher.due_users import Cursor
from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_dependencies import RunDependencies
from functions.dispatcher.run_part import RunPart, enqueue_part
from functions.dispatcher.run_store import RunStore, ShareEnd
from functions.shared.run import RunState


class RunDivision:
    """Hands shares of a run to other instances, and brings the shares together at their end.

    Args:
        dependencies: what the run works with.
        run_time: the time that the run is for.
        store: where the run notes its shares.
        counters: those of this part of the run.
        threads: those in which to look for places to divide at, while the run reads users.
    """

    def __init__(
        self,
        dependencies: RunDependencies,
        *,
        run_time: datetime,
        store: RunStore,
        counters: RunCounters,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._split_points = SplitPoints(
            dependencies.firestore, run_time=run_time, share_size=dependencies.share_size, threads=threads
        )
        self._queue = dependencies.continuation_queue
        self._store = store
        self._counters = counters
        self._read = 0

    def divide(self, part: RunPart, user: DueUser) -> RunPart | None:
        """Hand all that is left after a user to other instances, except a share for this one, where that is worth it.

        Args:
            part: what this request does.
            user: the user who was read last. Call after each.

        Returns:
            the share that remains for this request; None where the part stays as it is.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read or written.
        """
        if part.shares > 1:
            return None
        self._read += 1
        cuts = self._split_points.find(self._read, user)
        return self._hand_out(part, Cursor.of(user), cuts) if cuts else None

    def end_share(self, part: RunPart) -> ShareEnd:
        """Note that all due users of the part's share are dealt with.

        Enrollment comes after all shares: an enrolled user is due as well, and no share may read that user as due.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be written.
        """
        if part.shares == 1:
            return ShareEnd.LAST
        if self._counters.has_errors_here:
            self._store.note_share(part.share, RunState.FAILED, self._counters.to_dict())
            return ShareEnd.OTHERS_GO_ON
        return self._store.end_share(part.share, self._counters.to_dict())

    def _hand_out(self, part: RunPart, place: Cursor, cuts: Sequence[Cursor]) -> RunPart | None:
        cuts = self._store.divide(cuts)
        if not cuts:
            return None
        whole = part.model_copy(update={"shares": len(cuts) + 1, "part": 1, "counters": {}})
        for share, (first, last) in enumerate(pairwise([*cuts, None]), start=1):
            enqueue_part(
                self._queue,
                whole.model_copy(update={"share": share, "cursor": first, "until": last}),
                self._counters,
            )
        return part.model_copy(update={"shares": len(cuts) + 1, "cursor": place, "until": cuts[0]})
