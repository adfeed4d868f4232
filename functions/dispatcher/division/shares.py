"""Chooses the places to divide a run at, so that several instances work on it side by side. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from functions.dispatcher.due_users import Cursor

MOST_SHARES = 50
"""Beyond this a run waits for the queues and not for the dispatcher: fifty instances enqueue more in a second than a
thousand queues dispatch."""


class Moment(NamedTuple):
    """How many reports fell due at a moment.

    Attributes:
        due_at: the moment.
        users: how many users wait since then.
    """

    due_at: datetime
    users: int


def cut(moments: Sequence[Moment], names: Sequence[str], share_size: int, *, after: Cursor) -> list[Cursor]:
    """Choose the ends of all shares but the last.

    Most users fall due at few moments, so a share ends at a user's id within one of them. Whatever the places are, the
    shares together have each user once; good places make shares of about one size.

    Args:
        moments: the moments that are left, in the order of time.
        names: ids that cut all users into pieces of about one size, in the order of ids.
        share_size: about how many users a share is to have.
        after: the place that the run has reached.

    Returns:
        the last place of each share, in the order in which users are read; none where one share is enough.
    """
    left = sum(moment.users for moment in moments)
    shares = min(-(-left // share_size), MOST_SHARES)
    if shares < 2:
        return []
    cuts: list[Cursor] = []
    before = 0
    for moment in moments:
        if not moment.users:
            continue
        later = [name for name in names if moment.due_at > after.next_report_at or name > after.user_id]
        while later and len(cuts) + 1 < shares and (target := left * (len(cuts) + 1) / shares) < before + moment.users:
            # The names cut the users of a moment into one piece more than there are names.
            nearest = round((target - before) / moment.users * (len(later) + 1)) - 1
            cuts.append(Cursor(next_report_at=moment.due_at, user_id=later[min(max(nearest, 0), len(later) - 1)]))
        before += moment.users
    return [place for index, place in enumerate(cuts) if place not in cuts[:index]]
