"""Divides the shards of a run among several instances. All code for this is behind this module.

If one instance does the run (`DISPATCH_SHARES` is 1), this hands out nothing, and no instance waits for another.
"""

from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_part import RunPart, enqueue_part
from functions.dispatcher.run_store import RunStore
from functions.shared.queues.task_queue import TaskQueue
from functions.shared.records.run import RunState


class RunDivision:
    """Hands shares of a run to other instances, and joins the shares at their end.

    Args:
        part: what this request does.
        queue: the queue whose tasks call the dispatcher.
        store: where the run notes its shares.
        counters: those of this part of the run.
    """

    def __init__(self, part: RunPart, *, queue: TaskQueue, store: RunStore, counters: RunCounters) -> None:
        self._part = part
        self._queue = queue
        self._store = store
        self._counters = counters

    def hand_out(self) -> None:
        """Hand all shares but the first to other instances. A share that cannot be handed out is counted as an error:
        when the run is called again, another attempt hands it out."""
        for share in range(1, self._part.shares):
            enqueue_part(self._queue, self._part.of_share(share), self._counters)

    def end_share(self) -> bool:
        """Note that all that is due in the part's share is dealt with.

        Admission comes after all shares: a subscription that gets its due time now is due as well, and no share may
        read it as due.

        Returns:
            whether the part goes on with the run (RunStore.end_share).

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be written.
        """
        if self._part.shares == 1:
            return True
        if self._counters.has_errors_here:
            self._store.note_share(self._part.share, RunState.FAILED, self._counters.to_dict())
            return False
        return self._store.end_share(self._part.share, self._counters.to_dict())
