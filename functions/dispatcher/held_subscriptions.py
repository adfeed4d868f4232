"""Takes due subscriptions whose kind is paused out of the due index, and puts them back when the kind is resumed.

What is held back costs one write and then no read of any run. A run puts it back before it reads who is due, so that
nothing stays behind that another run has held just after the kind was resumed.
"""

from collections.abc import Callable, Sequence

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.run_counters import RunCounters
from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, update
from functions.shared.records.ids import held_shard, shard_of, stored_shard
from functions.shared.records.kind_pauses import KindPauses
from functions.shared.records.run import RunCounter
from functions.shared.records.subscription import SUBSCRIPTIONS, subscription_path

_AT_ONCE = 300

_logger = structlog.get_logger()


class HeldSubscriptions:
    """Holds subscriptions, and releases them.

    Args:
        database: the Firestore database.
        pauses: of the kinds, as the run has read them.
        counters: the run's.
        run_id: the id of the run.
    """

    def __init__(self, database: Database, pauses: KindPauses, counters: RunCounters, *, run_id: str) -> None:
        self._database = database
        self._pauses = pauses
        self._counters = counters
        self._run_id = run_id
        self._writes: list[Write] = []

    def holds(self, due: DueSubscription) -> bool:
        """Hold a subscription, unless it has changed since it was read; write it with others, the last at `finish()`.

        Returns:
            whether its kind is paused. If not, nothing is done.
        """
        if due.problem or not self._pauses.is_paused(due.kind):
            return False
        path = subscription_path(due.user_id, due.subscription_id)
        shard = held_shard(due.kind, shard_of(due.user_id, due.subscription_id))
        self._writes.append(update(path, {"shard": shard}, due.updated_at))
        if len(self._writes) == _AT_ONCE:
            self.finish()
        return True

    def finish(self) -> None:
        """Write what is not written yet. It raises nothing: what fails is counted, and due again with the next run."""
        writes, self._writes = self._writes, []
        self._counters.add(RunCounter.HELD, self._write(writes))

    def release(self, shards: Sequence[int], is_late: Callable[[], bool]) -> bool:
        """Put subscriptions back whose kind was resumed.

        Args:
            shards: which.
            is_late: whether the time of this request is up.

        Returns:
            whether the time was enough.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        for kind in self._pauses.resumed:
            held = Query.of_group(SUBSCRIPTIONS).where("shard", "in", [held_shard(kind, shard) for shard in shards])
            number = released = 0
            while True:
                found = list(self._database.stream(held.select(["shard"]).limit(_AT_ONCE)))
                writes = [
                    update(each.path, {"shard": stored_shard((each.fields or {})["shard"])}, each.update_time)
                    for each in found
                ]
                released = self._write(writes)
                number += released
                if is_late():
                    return False
                # What cannot be written would come again and again.
                if len(found) < _AT_ONCE or not released:
                    break
            if number:
                _logger.info("subscriptions_released", run_id=self._run_id, kind=kind, subscriptions=number)
        return True

    def _write(self, writes: Sequence[Write]) -> int:
        """Write, and count what fails.

        Returns:
            how many were written. Somebody has changed the others meanwhile, or they have failed.
        """
        try:
            errors: list[GoogleAPIError | None] = [*self._database.write_each(writes)] if writes else []
        except GoogleAPIError as error:
            errors = [error] * len(writes)
        if failed := [each for each in errors if each and not isinstance(each, ChangedMeanwhile)]:
            self._counters.add_error(len(failed))
            _logger.error(
                "subscriptions_not_written", run_id=self._run_id, subscriptions=len(failed), error=f"{failed[0]}"
            )
        return errors.count(None)
