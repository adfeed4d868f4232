"""Finds, exports and erases everything that the pipeline keeps about one user. See docs/guides/privacy.md."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.shared.archive import Archive
from functions.shared.firestore import delivery_store
from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, delete, update, without
from functions.shared.records.audience import ERASED_ID, USERS_AUDIENCES, erased_path
from functions.shared.records.contract import InvalidContract
from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterReason, StoredDeadLetter
from functions.shared.records.delivery import DELIVERIES, Delivery
from functions.shared.records.mail_event import MAIL_EVENTS
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import subscriptions_of
from functions.shared.records.system_alert import SYSTEM_ALERTS
from functions.shared.records.user import USERS, User
from operations.errors import OperatorError
from operations.operator_actions import OPERATOR_ACTIONS, OperatorAction
from operations.queues.queues import QueuedTask, Queues
from operations.users.mentions import Mentions

PIPELINES_FIELDS = ("enrolled_at", USERS_AUDIENCES)
"""What the pipeline writes into a user's document. firestore.rules has the same list."""

_PASSES = 5
"""How many times an erasure looks: what there was, the user's document, and what was written in the meantime."""


class BeingSent(OperatorError):
    """A worker is sending a report of the user, and would write about it afterwards."""


class StillActive(OperatorError):
    """The user still gets reports, and the pipeline keeps something about each."""


@dataclass(frozen=True, kw_only=True)
class KeptData:
    """What the pipeline keeps about one user, as it was read.

    Attributes:
        user: the user's own document, whether or not it exists.
        has_document: whether the user's document, or a document below it, exists.
        dead_letters: of the user's reports, and of unreadable messages that name the user.
        system_alerts: those whose text names the user.
        operator_actions: those whose text names the user, beside the operator's name.
        copies: the names of the copies of the user's emails in the archive, also of those that no delivery names.
    """

    user: FoundDocument
    has_document: bool
    subscriptions: Sequence[FoundDocument]
    deliveries: Sequence[FoundDocument]
    mail_events: Sequence[FoundDocument]
    dead_letters: Sequence[FoundDocument]
    system_alerts: Sequence[FoundDocument]
    operator_actions: Sequence[FoundDocument]
    tasks: Sequence[QueuedTask]
    copies: Sequence[str] = ()

    @property
    def user_fields(self) -> dict[str, Any]:
        """The pipeline's own fields of the user's document."""
        fields = self.user.fields or {}
        return {name: fields[name] for name in PIPELINES_FIELDS if name in fields}

    @property
    def counts(self) -> dict[str, int]:
        """The number of documents, tasks and copies, by type."""
        return {
            "subscriptions": len(self.subscriptions),
            "tasks": len(self.tasks),
            "deliveries": len(self.deliveries),
            "mail_events": len(self.mail_events),
            "dead_letters": len(self.dead_letters),
            "system_alerts": len(self.system_alerts),
            "operator_actions": len(self.operator_actions),
            "user_fields": len(self.user_fields),
            **({"copies": len(self.copies)} if self.copies else {}),
        }

    @property
    def total(self) -> int:
        """The number of documents and tasks together."""
        return sum(self.counts.values())

    @property
    def is_empty(self) -> bool:
        """Whether the pipeline keeps nothing, not counting the application's data."""
        return self.total == 0

    def left(self, *, with_document: bool) -> dict[str, int]:
        """What an erasure has left, by type. The user's document counts if it was to be erased, too."""
        return self.counts | ({"document": 1} if with_document and self.has_document else {})

    def being_sent(self, now: datetime) -> list[str]:
        """The deliveries that a worker has claimed, and the tasks that are under way."""
        claimed = [
            delivery.id
            for found in self.deliveries
            if (delivery := Delivery.from_snapshot(found)) and delivery.is_claimed(now)
        ]
        return sorted({*claimed, *(task.name for task in self.tasks if task.is_running)})


class PersonalData:
    """Finds, exports and erases a user's data. Every method raises GoogleAPICallError if a service cannot be asked or
    told.

    Args:
        queue_names: those that may hold reports.
        now: the present, in UTC.
        archive: where copies of emails are kept; None where there are none.
        addresses: email addresses of the user's, beside the one in the user's document.
    """

    def __init__(
        self,
        *,
        database: Database,
        queues: Queues,
        queue_names: Sequence[str],
        user_id: str,
        now: Callable[[], datetime],
        archive: Archive | None = None,
        addresses: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._queues = queues
        self._queue_names = queue_names
        self._user_id = user_id
        self._now = now
        self._archive = archive
        self._addresses = list(addresses)
        self._user = f"{USERS}/{user_id}"

    def find(self) -> KeptData:
        """Read all data about the user."""
        user = self._database.get(self._user)
        mentions = self._mentions(user)
        return KeptData(
            user=user,
            has_document=user.exists or bool(self._database.collections(self._user)),
            subscriptions=self._read(Query.of(subscriptions_of(self._user_id))),
            deliveries=self._read(Query.of(DELIVERIES).where("user_id", "==", self._user_id)),
            mail_events=self._read(Query.of(MAIL_EVENTS).where("user_id", "==", self._user_id)),
            dead_letters=self._dead_letters(mentions),
            system_alerts=[
                alert for alert in self._database.stream(Query.of(SYSTEM_ALERTS)) if mentions.in_value(alert.fields)
            ],
            operator_actions=[
                action
                for action in self._database.stream(Query.of(OPERATOR_ACTIONS))
                if mentions.in_value(_words_of(action))
            ],
            tasks=[
                task for queue in self._queue_names for task in self._queues.search(queue, self._is_of_user(mentions))
            ],
            copies=self._archive.names_of(self._user_id) if self._archive else (),
        )

    def export(self, kept: KeptData, *, with_document: bool) -> dict[str, Any]:
        """All data about the user, with all fields.

        Args:
            with_document: the user's document and everything below it as well.
        """
        shown = {each.path for each in kept.subscriptions}
        below = self._read(Query.below(self._user)) if with_document else ()
        return {
            "user_id": self._user_id,
            "exported_at": self._now(),
            "user": kept.user.fields or {} if with_document else kept.user_fields,
            **({"below_user": [_document(each) for each in below if each.path not in shown]} if with_document else {}),
            "subscriptions": [_document(each) for each in kept.subscriptions],
            "deliveries": [_document(each) for each in kept.deliveries],
            "mail_events": [_document(each) for each in kept.mail_events],
            "dead_letters": [_document(each) for each in kept.dead_letters],
            # Their other fields are not about this user, but may be about other users.
            "system_alerts": [{"path": each.path} for each in kept.system_alerts],
            "operator_actions": [
                {"path": each.path, "action": action.action, "began_at": action.began_at}
                for each in kept.operator_actions
                for action in [OperatorAction.from_snapshot(each)]
            ],
            "copies": list(kept.copies),
            "tasks": [{"queue": task.queue, "task": task.name, "body": _text(task.body)} for task in kept.tasks],
        }

    def check(self, kept: KeptData, *, with_document: bool) -> None:
        """Check whether the data can be erased now.

        Raises:
            StillActive: the user's document stays, and the next run would write about the user again.
            BeingSent: a worker is sending a report.
        """
        user = User.from_snapshot(kept.user)
        if not with_document and user is not None and user.active:
            raise StillActive(
                f"users/{self._user_id} is active, so the next run would keep something about it again. Nothing was "
                "erased: delete the document or set active to false first, or erase it as well, with all that is below "
                "it: --with-document, in the console the box."
            )
        if being_sent := kept.being_sent(self._now()):
            raise BeingSent(
                f"A worker is busy with {', '.join(being_sent)} and would write about it again: "
                "repeat this in two minutes. What is erased so far stays erased."
            )

    def keep_out(self) -> None:
        """From now on no query that names recipients brings the user back, and for a day each run removes what
        processes under way write about the user."""

        def decide(found: FoundDocument) -> tuple[None, Mapping[str, Any]]:
            is_known = ERASED_ID in (found.fields or {})
            return None, {} if is_known else {"erased_at": self._now(), ERASED_ID: self._user_id}

        self._database.change(erased_path(self._user_id), decide)

    def erase(self, *, with_document: bool, on_erased: Callable[[int], None]) -> KeptData:
        """Erase the data. If this is killed, a second call erases the rest.

        Args:
            with_document: the user's document and everything below it as well, in the end.
            on_erased: called with the number of further erased items.

        Returns:
            what a last look finds: it was written in the meantime.

        Raises:
            StillActive, BeingSent: see `check`.
        """
        self.keep_out()
        if with_document and self._database.get(self._user).exists:
            # From now on no worker begins a report. The document stays until the end, since it holds the address.
            self._update(update(self._user, {"active": False}))
        for _ in range(_PASSES):
            kept = self.find()
            self.check(kept, with_document=with_document)
            if not kept.is_empty:
                self._erase(kept, on_erased)
            elif with_document and kept.has_document:
                self._erase_document()
            else:
                return kept
        return self.find()

    def _erase_document(self) -> None:
        below = self._database.stream(Query.below(self._user).select([]))
        for error in self._database.write_each([delete(each.path) for each in below]):
            if error:
                raise error
        self._database.commit([delete(self._user)])

    def _erase(self, kept: KeptData, on_erased: Callable[[int], None]) -> None:
        # First, so that no run makes another task.
        self._delete_all(kept.subscriptions, on_erased)
        for task in kept.tasks:
            self._queues.delete_task(task.queue, task.name)
            on_erased(1)
        mentions = self._mentions(kept.user)
        for alert in kept.system_alerts:
            self._update(update(alert.path, _without_names(alert.fields or {}, mentions)))
        on_erased(len(kept.system_alerts))
        for action in kept.operator_actions:
            self._update(update(action.path, _without_names(_words_of(action), mentions)))
        on_erased(len(kept.operator_actions))
        self._delete_all(kept.dead_letters, on_erased)
        # Before the records: an event whose delivery is gone makes no new one.
        delivery_store.erase(self._database, kept.deliveries)
        on_erased(len(kept.deliveries))
        self._delete_all(kept.mail_events, on_erased)
        if self._archive:
            self._archive.drop_all(kept.copies)
            on_erased(len(kept.copies))
        if kept.user_fields:
            self._update(without(self._user, kept.user_fields))
            on_erased(len(kept.user_fields))

    def _delete_all(self, found: Sequence[FoundDocument], on_erased: Callable[[int], None]) -> None:
        """Delete documents in the version that was read: the next pass finds those that were written meanwhile."""
        self._database.delete_each(found)
        on_erased(len(found))

    def _update(self, write: Write) -> None:
        """Change a document, unless it is gone."""
        with suppress(ChangedMeanwhile):
            self._database.commit([write])

    def _mentions(self, user: FoundDocument) -> Mentions:
        address = (user.fields or {}).get("email")
        if isinstance(address, str) and address not in self._addresses:
            # The last look comes after the document is gone.
            self._addresses.append(address)
        return Mentions(self._user_id, self._addresses)

    def _read(self, query: Query) -> list[FoundDocument]:
        return list(self._database.stream(query))

    def _dead_letters(self, mentions: Mentions) -> list[FoundDocument]:
        letters = Query.of(DEAD_LETTERS)
        found = {each.id: each for each in self._read(letters.where("payload.user_id", "==", self._user_id))}
        unreadable = letters.where("reason", "==", DeadLetterReason.INVALID_TASK.value)
        for each in self._database.stream(unreadable):
            letter = StoredDeadLetter.from_snapshot(each)
            if letter and "user_id" not in letter.payload and mentions.in_payload(letter.payload):
                found[each.id] = each
        return list(found.values())

    def _is_of_user(self, mentions: Mentions) -> Callable[[bytes], bool]:
        def is_of_user(body: bytes) -> bool:
            try:
                return ReportTask.from_json(body).user_id == self._user_id
            except InvalidContract:
                return mentions.in_message(body)

        return is_of_user


def _words_of(action: FoundDocument) -> dict[str, Any]:
    """The fields of an operator's action that may name a user. The operator's own name stays: it says who acted."""
    return {name: value for name, value in (action.fields or {}).items() if name != "who"}


def _without_names(fields: Mapping[str, Any], mentions: Mentions) -> dict[str, Any]:
    """The fields of a document that name the user, with the name erased."""
    return {name: _erased(value, mentions) for name, value in fields.items() if mentions.in_value(value)}


def _erased(value: Any, mentions: Mentions) -> Any:
    match value:
        case str():
            return mentions.erased_from(value)
        case dict():
            return {mentions.erased_from(key): _erased(item, mentions) for key, item in value.items()}
        case list():
            return [_erased(item, mentions) for item in value]
        case _:
            return None if mentions.in_value(value) else value


def _document(found: FoundDocument) -> dict[str, Any]:
    return {"path": found.path, "fields": found.fields}


def _text(body: bytes) -> str:
    return body.decode(errors="replace")
