"""After a restore of Firestore: deliveries that are dead, and of whose dead letter people may not know.

A copy may be made between the commit that marks a delivery dead and the one that stores its letter, or that says that
people were told. Pub/Sub has delivered the message since, to a database that is gone, so it is published again. The DLQ
handler stores a letter once.
"""

from datetime import datetime, timedelta

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.rescue_step import LOST_AFTER
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.records.dead_letter import DEAD_LETTERS, StoredDeadLetter
from functions.shared.records.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.records.ids import SHARDS, run_id

_BEFORE = 2 * LOST_AFTER
"""How long before the restore the reports fell due that are looked at: given up after a day as a rule, and after
another one if their task came late."""

_MOST = 5_000

_logger = structlog.get_logger()


def tell_untold(database: Database, topic: DeadLetterTopic, *, run_time: datetime, restored_at: datetime | None) -> int:
    """Publish the dead letters that a restore has lost, with the runs of the day after it.

    Args:
        database: the Firestore database.
        topic: where dead letters go.
        run_time: the time that the run is for.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.

    Returns:
        how many it published.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        google.api_core.exceptions.GoogleAPIError: Pub/Sub does not take one. The next run publishes it.
    """
    if restored_at is None or not timedelta(0) <= run_time - restored_at < LOST_AFTER:
        return 0
    # By the index that the console lists deliveries by.
    query = (
        Query.of(DELIVERIES)
        .where("shard", "in", list(range(SHARDS)))
        .where("state", "==", DeliveryState.DEAD.value)
        # By cursors, since each filter counts thirty times beside that of the shards
        # (functions.shared.records.ids.SHARDS).
        .order_by("due_at", descending=True)
        .start_after(restored_at)
        .end_at(restored_at - _BEFORE)
        .limit(_MOST)
    )
    dead = [each for each in map(Delivery.from_snapshot, database.stream(query)) if each and each.failure]
    letters = {f"{DEAD_LETTERS}/{each.letter_id or each.id}" for each in dead}
    found = database.get_all(letters, fields=["state", "alerted_at"]).values()
    told = {each.id for each in map(StoredDeadLetter.from_snapshot, found) if each and not each.needs_alert}
    untold = [each for each in dead if (each.letter_id or each.id) not in told]
    for delivery in untold:
        failure = delivery.failure
        if failure and delivery.due_at:
            due = DueSubscription(delivery.user_id, delivery.subscription_id, delivery.due_at, delivery.kind)
            topic.publish(failure.letter(due.task(delivery.run_id or run_id(run_time)), attempts=delivery.attempts))
            _logger.warning("dead_letter_told_again", delivery_id=delivery.id)
    return len(untold)
