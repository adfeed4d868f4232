"""Takes the history of a scenario down: from Firestore, the inbox and the alerts, as an observer from outside can."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.faults.invariants import DeadLetter, Delivery, History, UserHistory
from tests.faults.plans import Plan
from tests.faults.slack import read_message
from tests.faults.world import World


@dataclass(kw_only=True)
class Person:
    """A user, as the scenario knows them.

    Attributes:
        plan: when the reports are to fall due, now.
        first_due_at: when the first one did.
        former_plan: what the application has changed; None where it has changed nothing.
        postponed_to: until when the application wants no report.
    """

    plan: Plan
    first_due_at: datetime
    former_plan: Plan | None = None
    postponed_to: datetime | None = None

    @property
    def first_reported_until(self) -> datetime:
        """Where the first report begins."""
        return (self.former_plan or self.plan).covered_from(self.first_due_at)


async def read_history(
    world: World,
    *,
    people: Mapping[str, Person],
    malformed: Sequence[str],
    last_run: datetime,
    mails_before: int,
    expected_alerts: frozenset[str],
    endings: Mapping[str, frozenset[str]],
    unknown: Mapping[str, int],
    most_reports: int | None,
) -> History:
    """Read it.

    Args:
        world: where.
        people: the scenario's users.
        malformed: see History; these are not among the people.
        last_run: the time of the dispatcher's last run.
        mails_before: how many mails the inbox had before the scenario.
        expected_alerts: see History.
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
                plan=person.plan,
                former_plan=person.former_plan,
                first_due_at=person.first_due_at,
                first_reported_until=person.first_reported_until,
                next_report_at=users[user].get("next_report_at"),
                reported_until=users[user].get("reported_until"),
                postponed_to=person.postponed_to,
            )
            for user, person in people.items()
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
                user_id=fields["payload"].get("user_id", ""),
                reason=fields["reason"],
                is_open=fields["state"] == "open",
            )
            for letter_id, fields in letters.items()
        ],
        alerts=[read_message(message.payload) for message in world.inbox.slack_messages],
        system_alerts=len(await world.documents("system_alerts")),
        expected_alerts=expected_alerts,
        moves=world.moves.of_users(),
        malformed=malformed,
        endings=endings,
        unknown=unknown,
        most_reports=most_reports,
    )
