"""Hands reports to their destination one by one, and keeps them back while it is failing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus

import structlog

from functions.worker.destinations.built_report import BuiltReport
from functions.worker.destinations.destination import Destination
from functions.worker.destinations.email.allowed_domains import EVERY_DOMAIN, AllowedDomains
from functions.worker.destinations.email.model import Mail
from functions.worker.destinations.outcome import NotAllowed, Outcome, Unavailable, Unclear
from functions.worker.key_alert import KeyAlert
from functions.worker.provider_outage import OutageChange, ProviderOutage
from functions.worker.repeating import MadeRequests, Repeating
from functions.worker.skipping import Subscriber
from functions.worker.time_budget import SEND_SECONDS, TRIAL_SECONDS
from functions.worker.transitions import Retry

_logger = structlog.get_logger()


class Turn:
    """One report's turn.

    Attributes:
        kept_back: why nothing is sent: the destination is failing. None where the report may be sent.
    """

    def __init__(self, destination: Destination, kept_back: Retry | None, *, is_trial: bool) -> None:
        self.kept_back = kept_back
        self.outcome: Outcome | None = None
        self._destination = destination
        self._is_trial = is_trial

    def try_out(self, report: BuiltReport) -> Retry | None:
        """If the email provider was failing until now, try it out by an email to no one: it checks a sandbox one as it
        does any other, so a trial that fails leaves no unknown outcome. None where the report may be sent, and at a
        destination that takes nothing for no one: there the report itself is the trial.
        """
        if self._is_trial and isinstance(report, Mail):
            outcome = self._destination.send(replace(report, sandbox=True), seconds=TRIAL_SECONDS)
            if isinstance(outcome, Unavailable | Unclear):
                self.outcome = outcome
                return _kept_back(0, outcome.error)
        return None

    def hand_over(self, send: Callable[..., Outcome]) -> Outcome:
        """Hand the report over, within so many `seconds`."""
        self.outcome = send(seconds=SEND_SECONDS)
        return self.outcome


class Sending:
    """Gives each report its turn at its destination. Safe for threads.

    Args:
        destination: takes the report.
        repeating: makes the requests of a report again, where the destination has idempotency keys.
        outage: whether to leave the destination alone; shared by all attempts of this process.
        key_alert: called for each email that the provider refuses because of its key.
        allowed: the domains that emails may go to. A request may be kept from when there were more.
        is_shared: whether most reports go there: while it fails, the queue slows down, and people are alerted.
    """

    def __init__(
        self,
        destination: Destination,
        repeating: Repeating,
        *,
        outage: ProviderOutage,
        key_alert: KeyAlert,
        allowed: AllowedDomains = EVERY_DOMAIN,
        is_shared: bool = True,
    ) -> None:
        self.is_shared = is_shared
        self._destination = destination
        self.repeating = repeating
        self._outage = outage
        self._key_alert = key_alert
        self._allowed = allowed

    def kept_back(self) -> Retry | None:
        """Why a report would be kept back, so that no report is built for nothing; None where it would not."""
        wait = self._outage.wait_seconds()
        return _kept_back(wait, self._outage.error) if wait else None

    def way_to(self, outgoing: BuiltReport | MadeRequests, subscriber: Subscriber) -> Callable[..., Outcome] | None:
        """What hands over a report, an email to those of its recipients who still want it; None where none of them
        does.

        Args:
            outgoing: the report as it was built, or as requests that can be made again.
            subscriber: who gets it by now.
        """
        if isinstance(outgoing, Mail):
            recipients = subscriber.still_wanted(outgoing.recipients)
            return partial(self._destination.send, replace(outgoing, recipients=recipients)) if recipients else None
        if isinstance(outgoing, BuiltReport):
            return partial(self._destination.send, outgoing)
        requests = subscriber.still_wanted(outgoing.requests)
        if not requests and outgoing.is_repeat:
            # Their addresses are others by now. These may have got it, and the same email does not go to both.
            requests = [each for each in outgoing.requests if not subscriber.subscription.leaves_out(each.address)]
        requests = [each for each in requests if self._allowed.allows(each.address)]
        return partial(outgoing.make, requests) if requests else None

    @contextmanager
    def turn(self, run_id: str) -> Iterator[Turn]:
        """Ask to send a report, and learn from what comes of it.

        Args:
            run_id: of the task's run, for an alert.
        """
        outage_pass = self._outage.enter()
        wait = outage_pass.wait_seconds
        turn = Turn(
            self._destination,
            _kept_back(wait, self._outage.error) if wait else None,
            is_trial=outage_pass.is_trial,
        )
        try:
            yield turn
        finally:
            outcome = turn.outcome
            failure = outcome.error if isinstance(outcome, Unavailable | Unclear) else None
            if isinstance(outcome, Unclear) and outcome.is_lasting:
                # It is up, and refuses one recipient.
                failure = None
            is_up = outcome is not None and failure is None
            self._log(self._outage.leave(outage_pass, failure=failure, is_up=is_up))
        if isinstance(outcome, NotAllowed):
            # An alert policy watches for this line: no report goes out until someone replaces the key.
            error = outcome.error if self.is_shared else f"{self.repeating.provider}: {outcome.error}"
            _logger.error("provider_refuses_key", alert="provider-refuses-key", error=error)
            self._key_alert(run_id=run_id, error=error)

    def _log(self, change: OutageChange | None) -> None:
        if change is OutageChange.BEGUN:
            _logger.error(
                "provider_failing",
                **({"alert": "provider-failing"} if self.is_shared else {}),
                seconds=self._outage.wait_seconds(),
                error=self._outage.error,
            )
        elif change is OutageChange.OVER:
            _logger.warning("provider_recovered")


def _kept_back(wait_seconds: int, error: str) -> Retry:
    return Retry(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        cause="provider-failing",
        error=f"the destination is failing, and nothing was sent: {error}",
        retry_after_seconds=max(wait_seconds, 1),
    )
