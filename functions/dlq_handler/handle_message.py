"""What the DLQ handler does with one message: stores what it brings, closes it where its report was sent after all, and
else alerts people."""

import functools
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from google.api_core.exceptions import InvalidArgument
from pydantic import ValidationError

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.alerter import Alerter, AlertSubject
from functions.dlq_handler.alerting.dead_letter_text import make_dead_letter_alert
from functions.dlq_handler.alerting.system_alert_text import make_system_alert
from functions.dlq_handler.channels.channel import Channel
from functions.dlq_handler.channels.configured_channels import Audiences
from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.dlq_handler.intake.received_dead_letter import (
    ReceivedDeadLetter,
    read_dead_letter,
    unreadable_dead_letter,
)
from functions.dlq_handler.store.dead_letter_store import DeadLetterStore
from functions.dlq_handler.store.system_alert_store import SystemAlertStore
from functions.shared.firestore.database import Database
from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.unknown_outcome import settle
from functions.shared.records.dead_letter import DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery_table import MAY_HAVE_BEEN_SENT
from functions.shared.records.system_alert import StoredSystemAlert, SystemAlert

_SYSTEM_ALERT_ATTRIBUTE = "alert"
"""The attribute of a system alert's message. A dead letter's message does not have it."""

_logger = structlog.get_logger()


class MessageHandler:
    """Stores dead letters and system alerts, and alerts people.

    Args:
        database: the Firestore database.
        channels: the channels that take alerts.
        audiences: the kinds that some of them get alerts about; the others get all.
        links: makes the alerts' links.
        now: returns the present, in UTC.
        keeps_outcomes: whether the team's application is to be told of what this settles.
    """

    def __init__(
        self,
        database: Database,
        channels: Sequence[Channel],
        *,
        audiences: Audiences,
        links: AlertLinks,
        now: Callable[[], datetime],
        keeps_outcomes: bool = False,
    ) -> None:
        self._letters = LetterStore(database, keeps_outcomes=keeps_outcomes)
        self._dead_letters = DeadLetterStore(database)
        self._system_alerts = SystemAlertStore(database)
        self._alerter = Alerter(
            database=database,
            channels=channels,
            subjects={
                StoredDeadLetter: AlertSubject(
                    self._dead_letters,
                    functools.partial(make_dead_letter_alert, links=links),
                    kind_of=lambda letter: str(letter.payload.get("kind", "")),
                ),
                StoredSystemAlert: AlertSubject(
                    self._system_alerts,
                    functools.partial(make_system_alert, links=links),
                    kind_of=lambda alert: str(alert.report.get("kind", "")),
                ),
            },
            audiences=audiences,
            now=now,
        )

    def handle(self, message: PubSubMessage, *, now: datetime) -> None:
        """Store what a message brings, and alert people unless that has settled itself.

        Args:
            message: the message.
            now: when it came, in UTC.

        Raises:
            AlertUntold: a channel still lacks an alert: Pub/Sub must deliver the message again.
            google.api_core.exceptions.GoogleAPICallError: Firestore could not be reached.
        """
        record = self._store(message, now=now)
        self._alerter.alert(record, message=message.message_id)

    def _keep(self, received: ReceivedDeadLetter, message: PubSubMessage, *, now: datetime) -> StoredDeadLetter:
        """Store a dead letter. One whose report was sent after all is closed, so that no person looks at it.

        It looks for the proof twice: before, so that no alert finds what is settled already, and after, since an event
        that it does not find then finds the stored dead letter.
        """
        names_delivery = received.payload.get("delivery_id") == received.id
        if received.reason not in MAY_HAVE_BEEN_SENT or not names_delivery:
            return self._dead_letters.store(received, now=now)
        was_sent = self._letters.read(received.id).is_proof
        letter = self._dead_letters.store(received, now=now, was_sent=was_sent)

        def tell(alert: SystemAlert) -> None:
            self._alerter.alert(self._system_alerts.store(alert, now=now), message=message.message_id)

        settled = settle(self._letters, received.id, now=now, tell=tell)
        if settled.delivery or settled.letter:
            _logger.info("outcome_settled", delivery_id=received.id, closed_dead_letter=bool(settled.letter))
        return letter._replace(state=DeadLetterState.SETTLED) if settled.letter else letter

    def _store(self, message: PubSubMessage, *, now: datetime) -> StoredDeadLetter | StoredSystemAlert:
        try:
            alert = _system_alert_in(message)
            if alert is not None:
                stored = self._system_alerts.store(alert, now=now)
                _logger.info(
                    "system_alert_stored", system_alert=stored.id, cause=stored.cause, message_id=message.message_id
                )
                return stored
            letter = self._keep(read_dead_letter(message), message, now=now)
        except (InvalidArgument, ValueError, TypeError) as error:
            # Firestore would refuse it every time: a dead letter keeps its content instead.
            _logger.error("message_not_storable", error=str(error))  # noqa: TRY400  the traceback is the library's
            received = unreadable_dead_letter(message, f"the message cannot be stored as it is: {error}")
            letter = self._dead_letters.store(received, now=now)
        _logger.info("dead_letter_stored", dead_letter=letter.id, cause=letter.cause, message_id=message.message_id)
        return letter


def _system_alert_in(message: PubSubMessage) -> SystemAlert | None:
    """The system alert that a message brings; None where it brings none, even if it has the attribute."""
    if _SYSTEM_ALERT_ATTRIBUTE not in message.attributes:
        return None
    try:
        return SystemAlert.model_validate_json(message.data)
    except ValidationError:
        return None
