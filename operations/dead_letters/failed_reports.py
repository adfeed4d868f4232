"""The failed reports that an action with dead letters is about, for its record. Pure."""

from collections.abc import Sequence

from functions.shared.records.dead_letter import StoredDeadLetter
from operations.operator_actions import FailedReports


def failed_reports(letters: Sequence[StoredDeadLetter], *, are_sent_again: bool) -> FailedReports:
    """The reports of dead letters.

    Args:
        are_sent_again: whether the action replays them.
    """
    times = [each.received_at for each in letters if each.received_at]
    ids = [task.delivery_id for each in letters if (task := each.task)] if are_sent_again else []
    return FailedReports(min(times, default=None), max(times, default=None), ids)
