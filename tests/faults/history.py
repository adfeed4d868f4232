"""Takes the history of a scenario down: from Firestore, the inbox and the alerts, as an observer from outside can."""

from collections.abc import Mapping
from datetime import datetime

from tests.faults.invariants import HOUR, DeadLetter, Delivery, History, UserHistory
from tests.faults.world import World


async def read_history(
    world: World,
    *,
    first_due_at: Mapping[str, datetime],
    last_run: datetime,
    mails_before: int,
    endings: Mapping[str, frozenset[str]],
    unknown: Mapping[str, int],
    most_reports: int | None,
) -> History:
    """Read it.

    Args:
        world: where.
        first_due_at: the scenario's users, and when their first report fell due.
        last_run: the time of the dispatcher's last run.
        mails_before: how many mails the inbox had before the scenario.
        endings: see History.
        unknown: see History.
        most_reports: see History.
    """
    users = await world.documents("users")
    deliveries = await world.documents("deliveries")
    letters = await world.documents("dead_letters")
    return History(
        last_run=last_run,
        users=[
            UserHistory(
                id=user,
                first_due_at=due_at,
                first_reported_until=due_at - HOUR,
                next_report_at=users[user].get("next_report_at"),
                reported_until=users[user].get("reported_until"),
            )
            for user, due_at in first_due_at.items()
            if user in users and users[user]["active"]
        ],
        deliveries=[
            Delivery(
                id=delivery_id,
                user_id=fields["user_id"],
                due_at=fields["due_at"],
                state=fields["state"],
                period_start=fields.get("period_start"),
                period_end=fields.get("period_end"),
            )
            for delivery_id, fields in deliveries.items()
        ],
        accepted=[mail.custom_args["delivery_id"] for mail in world.inbox.mails[mails_before:]],
        dead_letters=[
            DeadLetter(
                id=letter_id,
                delivery_id=fields["payload"].get("delivery_id", ""),
                reason=fields["reason"],
                is_open=fields["state"] == "open",
                is_told=fields.get("alerted_at") is not None,
            )
            for letter_id, fields in letters.items()
        ],
        alerts=len(world.inbox.slack_messages),
        endings=endings,
        unknown=unknown,
        most_reports=most_reports,
    )
