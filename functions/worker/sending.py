"""One mail's turn at the provider, except while the breaker keeps mails back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus

import structlog

from functions.worker.breaker import Breaker, BreakerChange
from functions.worker.mail.model import Mail, MailOutcome, MailProvider, Unavailable, Unclear
from functions.worker.time_budget import SEND_SECONDS, TRIAL_SECONDS
from functions.worker.transitions import Retry

_logger = structlog.get_logger()


class Turn:
    """One mail's turn.

    Attributes:
        kept_back: why nothing is sent: the answer slows the whole queue down, since every mail would fail. None where
            a mail may be sent.
    """

    def __init__(self, provider: MailProvider, kept_back: Retry | None, *, is_trial: bool) -> None:
        self.kept_back = kept_back
        self.outcome: MailOutcome | None = None
        self._provider = provider
        self._is_trial = is_trial

    def try_out(self, mail: Mail) -> Retry | None:
        """If the provider was failing until now, try it out by a mail to no one: it checks a sandbox mail like any
        other, so a trial that fails leaves no unknown outcome. None where the mail may be sent."""
        if self._is_trial:
            outcome = self._provider.send(replace(mail, sandbox=True), seconds=TRIAL_SECONDS)
            if isinstance(outcome, Unavailable | Unclear):
                self.outcome = outcome
                return _kept_back(0, outcome.error)
        return None

    def hand_over(self, send: Callable[..., MailOutcome]) -> MailOutcome:
        """Hand the mail over, within so many `seconds`."""
        self.outcome = send(seconds=SEND_SECONDS)
        return self.outcome


class Sending:
    """Hands mails to the provider. Safe for threads.

    Args:
        provider: takes the mail.
        breaker: whether to leave the provider alone; shared by all attempts of this process.
    """

    def __init__(self, provider: MailProvider, breaker: Breaker) -> None:
        self._provider = provider
        self._breaker = breaker

    def kept_back(self) -> Retry | None:
        """Why a mail would be kept back, so that no report is built for nothing; None where it would not."""
        wait = self._breaker.wait_seconds()
        return _kept_back(wait, self._breaker.error) if wait else None

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Ask to send a mail, and learn from what comes of it."""
        breaker_pass = self._breaker.enter()
        wait = breaker_pass.wait_seconds
        turn = Turn(
            self._provider,
            _kept_back(wait, self._breaker.error) if wait else None,
            is_trial=breaker_pass.is_trial,
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
            self._log(self._breaker.leave(breaker_pass, failure=failure, is_up=is_up))

    def _log(self, change: BreakerChange | None) -> None:
        if change is BreakerChange.OPENED:
            _logger.error(
                "provider_failing",
                alert="provider-failing",
                seconds=self._breaker.wait_seconds(),
                error=self._breaker.error,
            )
        elif change is BreakerChange.CLOSED:
            _logger.warning("provider_recovered")


def _kept_back(wait_seconds: int, error: str) -> Retry:
    return Retry(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        cause="provider-failing",
        error=f"the mail provider is failing, and nothing was sent: {error}",
        retry_after_seconds=max(wait_seconds, 1),
    )
