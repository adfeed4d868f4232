"""Hands mails to the provider, except while the breaker keeps them back."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import structlog

from functions.worker.breaker import Breaker, BreakerChange, BreakerPass
from functions.worker.delivery_store import Claim
from functions.worker.mail.model import Mail, MailOutcome, MailProvider, Unavailable, Unclear
from functions.worker.task_answer import AttemptTimer, TaskAnswer
from functions.worker.time_budget import SEND_SECONDS, TRIAL_SECONDS

_logger = structlog.get_logger()


class KeptBack(NamedTuple):
    """Nothing was sent, since the provider is failing.

    Attributes:
        wait_seconds: how long to send nothing.
        error: how the provider failed last.
    """

    wait_seconds: int
    error: str


class ReadyToSend(NamedTuple):
    """A mail that is to be sent now.

    Attributes:
        claim: the right to send it.
        hand_over: hands it over, within so many seconds.
    """

    claim: Claim
    hand_over: Callable[[float], MailOutcome]


class HandedOver(NamedTuple):
    """The provider was handed the mail.

    Attributes:
        claim: the right to send it.
        outcome: what came of it.
    """

    claim: Claim
    outcome: MailOutcome


class Sending:
    """Hands mails to the provider. Safe for threads.

    Args:
        provider: takes the mail.
        breaker: whether to leave the provider alone; shared by all attempts of this process.
    """

    def __init__(self, provider: MailProvider, breaker: Breaker) -> None:
        self._provider = provider
        self._breaker = breaker

    def kept_back(self) -> KeptBack | None:
        """Whether a mail would be kept back, so that no report is built for nothing; None where it would not."""
        wait = self._breaker.wait_seconds()
        return KeptBack(wait_seconds=wait, error=self._breaker.error) if wait else None

    def send(
        self, trial: Mail | None, claim: Callable[[], ReadyToSend | TaskAnswer], timer: AttemptTimer
    ) -> HandedOver | KeptBack | TaskAnswer:
        """Claim the delivery and hand over its mail, unless the breaker keeps it back.

        Args:
            trial: what to try first where the provider was failing until now. None where the mail itself can be that:
                if its outcome is unknown, it is repeated with its idempotency key.
            claim: claims the delivery and returns its mail, or says what to answer where nothing is to be sent.
            timer: measures how long the provider takes.

        Returns:
            the answer of `claim` where there is no claim.
        """
        breaker_pass = self._breaker.enter()
        if breaker_pass.wait_seconds:
            return KeptBack(wait_seconds=breaker_pass.wait_seconds, error=self._breaker.error)
        outcome: MailOutcome | None = None
        claimed: ReadyToSend | TaskAnswer | None = None
        try:
            if breaker_pass.is_trial and trial is not None:
                # The provider checks a sandbox mail like any other and delivers it to no one, so a trial that fails
                # leaves no unknown outcome.
                outcome = self._provider.send(replace(trial, sandbox=True), seconds=TRIAL_SECONDS)
            if not isinstance(outcome, Unavailable | Unclear):
                outcome = None
                claimed = claim()
                if isinstance(claimed, ReadyToSend):
                    with timer.part("send"):
                        outcome = claimed.hand_over(SEND_SECONDS)
        finally:
            self._leave(breaker_pass, outcome)
        if isinstance(claimed, TaskAnswer):
            return claimed
        if claimed is None or outcome is None:
            return KeptBack(wait_seconds=self._breaker.wait_seconds(), error=self._breaker.error)
        return HandedOver(claim=claimed.claim, outcome=outcome)

    def _leave(self, breaker_pass: BreakerPass, outcome: MailOutcome | None) -> None:
        failure = outcome.error if isinstance(outcome, Unavailable | Unclear) else None
        if isinstance(outcome, Unclear) and outcome.is_lasting:
            # It is up, and refuses one recipient.
            failure = None
        change = self._breaker.leave(breaker_pass, failure=failure, is_up=outcome is not None and failure is None)
        if change is BreakerChange.OPENED:
            _logger.error(
                "provider_failing",
                alert="provider-failing",
                seconds=self._breaker.wait_seconds(),
                error=self._breaker.error,
            )
        elif change is BreakerChange.CLOSED:
            _logger.warning("provider_recovered")
