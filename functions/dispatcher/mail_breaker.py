"""The breaker: stops the runs when too many recipients complain, or too many emails bounce.

The email provider's statistics decide, asked once a run (breaker_policy.py). Without statistics the runs go on: a key
that may not read them must cost no one a report.
"""

import functools
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.dispatcher.breaker_policy import BreakerDecision, decide, first_day
from functions.dispatcher.mail_statistics.provider import StatisticsUnavailable
from functions.dispatcher.run_alerts import tell
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.mail_breaker import (
    BREAKER_STATE,
    MAIL_BREAKER,
    BreakerState,
    MailFigures,
    StatisticsReading,
)
from functions.shared.records.system_alert import AlertKind, SystemAlert

_DOCUMENT = f"{MAIL_BREAKER}/{BREAKER_STATE}"

_Days = tuple[Mapping[date, MailFigures] | None, str]
"""What became of the emails, by day, or None; and why that is not known."""

_logger = structlog.get_logger()


class BreakerCheck(NamedTuple):
    """What a run learns from the breaker.

    Attributes:
        state: the breaker.
        reading: what the run learned from the provider's statistics; None where it did not ask.
    """

    state: BreakerState
    reading: StatisticsReading | None


class MailBreaker:
    """The breaker, as one run meets it.

    Args:
        dependencies: what the run works with.
        run_id: the id of the run.
        run_time: the time that it is for.
    """

    def __init__(self, dependencies: RunDependencies, *, run_id: str, run_time: datetime) -> None:
        self._database = dependencies.firestore
        self._statistics = dependencies.mail_statistics
        self._limits = dependencies.breaker_limits
        self._topic = dependencies.dead_letters
        self._now = dependencies.now
        self._run_id = run_id
        self._run_time = run_time

    def check(self) -> BreakerCheck:
        """Find out whether the run may send, and tell people what they must know.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore fails, and the run must not send before it knows.
        """
        decision, (days, unavailable) = self._database.change(_DOCUMENT, self._decided)
        self._tell(decision.alerts, decision.state)
        if unavailable:
            _logger.warning("mail_statistics_unavailable", run_id=self._run_id, reason=unavailable)
            return BreakerCheck(state=decision.state, reading=StatisticsReading(unavailable=unavailable))
        figures = decision.state.figures if days is not None else None
        return BreakerCheck(state=decision.state, reading=StatisticsReading(figures=figures) if figures else None)

    def _decided(self, found: FoundDocument) -> tuple[tuple[BreakerDecision, _Days], Mapping[str, Any]]:
        before = BreakerState.from_snapshot(found)
        days, unavailable = (None, "") if before.is_stopped else self._days
        decision = decide(before, days, self._limits, run_time=self._run_time)
        is_new = days is not None and decision.state != before
        return (decision, (days, unavailable)), decision.state.to_fields() if is_new else {}

    @functools.cached_property
    def _days(self) -> _Days:
        """Asked once, however often others change the breaker meanwhile."""
        if not self._limits.is_on:
            return None, ""
        if self._statistics is None:
            return None, "SENDGRID_API_KEY is not set"
        try:
            return self._statistics.days(first_day(self._run_time)), ""
        except StatisticsUnavailable as error:
            return None, str(error)

    def _tell(self, alerts: Mapping[AlertKind, str], state: BreakerState) -> None:
        """Publish alerts, and note those that are: an alert that is not noted comes again with the next run."""
        stopped = AlertKind.SENDING_STOPPED
        if stopped in alerts:
            # The field that deployment/alert_policies/needs-a-person.json watches for: no email goes out, and there
            # may be no other channel.
            _logger.error("sending_stopped", alert=stopped.value, run_id=self._run_id, because=alerts[stopped])
        now, figures = self._now(), state.figures.to_fields() if state.figures else {}
        made = [
            SystemAlert(alert=kind, run_id=self._run_id, at=now, detail=detail, figures=figures)
            for kind, detail in alerts.items()
        ]
        told = {each.alert.value: self._run_time for each in made if tell(self._topic, each)}
        if not told:
            return
        try:
            self._database.change(
                _DOCUMENT, lambda found: (None, {"told": {**BreakerState.from_snapshot(found).told, **told}})
            )
        except GoogleAPIError as error:
            _logger.warning("breaker_alert_not_noted", run_id=self._run_id, error=type(error).__name__)
