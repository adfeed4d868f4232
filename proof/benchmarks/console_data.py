"""What the console is measured with: 90 days of runs, deliveries, dead letters and users. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.records.dead_letter import DEAD_LETTERS, OPEN_LETTER_RETENTION, DeadLetterReason, DeadLetterState
from functions.shared.records.delivery import DELIVERIES, DeliveryState, SkipReason
from functions.shared.records.delivery_table import DELIVERY_RETENTION
from functions.shared.records.ids import delivery_id, run_id, shard_of
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord, MailStatus, Sighting
from functions.shared.records.report_task import ReportTask
from functions.shared.records.run import RUN_COUNTERS, RUN_RETENTION, RUNS, RunState
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    SUBSCRIPTIONS,
    SubscriptionDefaults,
    default_fields,
)
from functions.shared.records.user import USERS, enrolled_fields
from functions.shared.times.schedule import Cadence
from operations.operator_actions import OPERATOR_ACTIONS

DAYS = 90
CAUSES = 12
"""Among so many causes the dead letters are spread."""
OPERATOR_ACTIONS_KEPT = 5_000

REPLAYED = 500
"""So many reports an operator has sent again at once."""

_HOUR = timedelta(hours=1)
_RUNS = DAYS * 24
_MAILS_OF_RUNS = 48
"""Of so many of the latest runs there are mail events."""
_DEFAULTS = SubscriptionDefaults("activity", Cadence.WEEKLY)

Documents = Iterator[tuple[str, Mapping[str, Any]]]
"""Documents by their paths and fields."""


@dataclass(frozen=True, kw_only=True)
class ConsoleData:
    """The documents of a pipeline that has run for 90 days.

    Attributes:
        last: the time of its last run.
        deliveries: how many.
        dead_letters: how many of the deliveries are dead, each with a dead letter, evenly over the time.
        users: how many, each with one subscription.
    """

    last: datetime
    deliveries: int
    dead_letters: int
    users: int

    @classmethod
    def from_json(cls, text: str) -> "ConsoleData":
        """The same in another process."""
        arguments = json.loads(text)
        return cls(**{**arguments, "last": datetime.fromisoformat(arguments["last"])})

    def to_json(self) -> str:
        """All that another process needs to make the same documents."""
        return json.dumps({**asdict(self), "last": self.last.isoformat()})

    @property
    def _dead_each(self) -> int:
        return max(self.deliveries // self.dead_letters, 1)

    @property
    def _per_run(self) -> int:
        return -(-self.deliveries // _RUNS)

    @property
    def last_run(self) -> str:
        """The id of the last run."""
        return run_id(self.last)

    @property
    def dead_delivery(self) -> str:
        """The id of a dead delivery, and of its dead letter."""
        return self._task(0).delivery_id

    def documents(self) -> Documents:
        """All documents."""
        for number in range(_RUNS):
            yield self._run(self.last - number * _HOUR)
        for number in range(self.users):
            yield from self._user(number)
        for number in range(self.deliveries):
            yield from self._delivery(number)
        for number in range(OPERATOR_ACTIONS_KEPT):
            yield self._action(number)

    def _run(self, at: datetime) -> tuple[str, Mapping[str, Any]]:
        counted = {**dict.fromkeys(RUN_COUNTERS, 0), "due": self._per_run, "dispatched": self._per_run}
        share = {"state": RunState.FINISHED.value, **counted}
        return f"{RUNS}/{run_id(at)}", {
            "attempt": "a1",
            "attempts": 1,
            "state": RunState.FINISHED.value,
            "scheduled_for": at,
            "started_at": at,
            "finished_at": at + timedelta(seconds=20),
            "shares": {"0": share},
            **counted,
            "expire_at": at + RUN_RETENTION,
        }

    def _user(self, number: int) -> Documents:
        user_id = f"u{number}"
        yield (
            f"{USERS}/{user_id}",
            {
                "email": f"user{number}@example.com",
                "name": f"User {number}",
                "active": True,
                "time_zone": "Europe/Berlin",
                **enrolled_fields(now=self.last - timedelta(days=DAYS)),
            },
        )
        due_at = self.last + (1 + number % (7 * 24)) * _HOUR
        yield (
            f"{USERS}/{user_id}/{SUBSCRIPTIONS}/{DEFAULT_SUBSCRIPTION}",
            {
                **default_fields(user_id, _DEFAULTS, due_at=due_at),
                **({"paused_because": "bounced", "active": False} if number % 100 == 0 else {}),
            },
        )

    def _task(self, number: int) -> ReportTask:
        due_at = self.last - (number // self._per_run) * _HOUR
        user_id = f"u{number % self.users}"
        return ReportTask(
            user_id=user_id,
            subscription_id=DEFAULT_SUBSCRIPTION,
            delivery_id=delivery_id(user_id, DEFAULT_SUBSCRIPTION, due_at),
            due_at=due_at,
            run_id=run_id(due_at),
            kind="activity",
        )

    def _delivery(self, number: int) -> Documents:
        task = self._task(number)
        done = task.due_at + timedelta(seconds=60)
        state, reason, error = DeliveryState.SENT, None, None
        if number % self._dead_each == 0:
            state, reason = DeliveryState.DEAD, DeadLetterReason.RETRIES_EXHAUSTED.value
            error = f"SendGrid answered 50{number % CAUSES}"
        elif number % 16 == 1:
            state, reason = DeliveryState.SKIPPED, SkipReason.NOTHING_TO_REPORT.value
        yield (
            f"{DELIVERIES}/{task.delivery_id}",
            {
                "user_id": task.user_id,
                "subscription_id": task.subscription_id,
                "due_at": task.due_at,
                "run_id": task.run_id,
                "shard": shard_of(task.user_id, task.subscription_id),
                "kind": task.kind,
                "state": state.value,
                "attempts": 1,
                "owner": "a worker",
                "lease_expires_at": None,
                "period_start": task.due_at - timedelta(days=7),
                "period_end": task.due_at,
                "message_id": f"m{number}" if state is DeliveryState.SENT else None,
                "reason": reason,
                "last_error": error,
                "created_at": done,
                "updated_at": done,
                "expire_at": done + DELIVERY_RETENTION,
            },
        )
        if state is DeliveryState.DEAD:
            yield self._letter(task, number // self._dead_each, error or "", done)
        elif state is DeliveryState.SENT and number < _MAILS_OF_RUNS * self._per_run:
            status = MailStatus.BOUNCED if number % 50 == 0 else MailStatus.DELIVERED
            record = MailRecord(
                id=task.delivery_id,
                user_id=task.user_id,
                subscription_id=task.subscription_id,
                recipients={"a" * 64: {status: Sighting(done)}},
                message_id=f"m{number}",
            )
            yield f"{MAIL_EVENTS}/{record.id}", record.to_fields()

    def _letter(self, task: ReportTask, number: int, error: str, at: datetime) -> tuple[str, Mapping[str, Any]]:
        return f"{DEAD_LETTERS}/{task.delivery_id}", {
            "payload": task.model_dump(mode="json"),
            "reason": DeadLetterReason.RETRIES_EXHAUSTED.value,
            "error": error,
            "attempts": 8,
            "task_name": f"t{number}",
            "failed_at": at,
            "received_at": at,
            "alerted_at": at,
            "alerts": {},
            "message_id": f"{number}",
            "cause": hashlib.sha256(str(number % CAUSES).encode()).hexdigest()[:32],
            "state": DeadLetterState.OPEN.value,
            "expire_at": at + OPEN_LETTER_RETENTION,
        }

    @property
    def replay(self) -> str:
        """The id of an action that has sent REPLAYED reports again."""
        return f"{self.last:%Y%m%dT%H%M%S}-{0:012}"

    def _action(self, number: int) -> tuple[str, Mapping[str, Any]]:
        began = self.last - number * timedelta(minutes=17)
        ids = [self._task(each).delivery_id for each in range(REPLAYED)] if number == 0 else []
        about = {"failed_since": began - _HOUR, "failed_until": began, "deliveries": ids}
        return f"{OPERATOR_ACTIONS}/{began:%Y%m%dT%H%M%S}-{number:012}", {
            **(about if ids else {}),
            "who": "ada",
            "action": "Replay 1 dead letter",
            "subject": f"u{number}",
            "note": "mended",
            "outcome": "1 replayed",
            "began_at": began,
            "ended_at": began,
            "expire_at": began + timedelta(days=400),
        }
