"""A destination: it takes reports."""

from typing import Any, Protocol

from functions.worker.destinations.outcome import Outcome


class Destination(Protocol):
    """Takes reports one by one. Safe for threads. One with idempotency keys is a RepeatableSending, too."""

    def send(self, report: Any, /, *, seconds: float) -> Outcome:
        """Hand over a report. Raises nothing.

        Args:
            report: a BuiltReport, as the destination takes it.
            seconds: after how long it must be over, whatever the outcome.
        """
