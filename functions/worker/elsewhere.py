"""The ways of reports that do not go by email."""

import functools
from collections.abc import Callable
from datetime import datetime, timedelta

from functions.shared.records.deliver import Deliver, DestinationName
from functions.shared.settings import WorkerSettings
from functions.worker.destinations.chosen import Nowhere, destination_of, outage_of
from functions.worker.destinations.repeatable_sending import RepeatableSending
from functions.worker.key_alert import KeyAlert
from functions.worker.outcome_inquiry import NO_RECORDS, OutcomeInquiry
from functions.worker.provider_outage import ProviderOutage
from functions.worker.repeating import Repeating
from functions.worker.routes import Route
from functions.worker.sending import Sending

_MOST_OUTAGES = 1_000

_NO_MANIFEST = "its bucket shows no manifest of it, or none that the worker may read"


class Elsewhere:
    """Makes the way of a report. Safe for threads.

    An outage of a destination stops its own reports and no others: each place that fails by itself has an outage of
    its own. Where a process sends to more than a thousand of them, it remembers those that it has sent to last.

    Args:
        settings: of the worker.
        key_alert: as Sending takes it.
        now: the present, in UTC.
    """

    def __init__(self, settings: WorkerSettings, *, key_alert: KeyAlert, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._key_alert = key_alert
        self._now = now
        self._outages = functools.lru_cache(maxsize=_MOST_OUTAGES)(self._outage)

    def __call__(self, deliver: Deliver, is_sandbox: bool) -> Route:
        """The way.

        Args:
            deliver: where to.
            is_sandbox: whether it must reach nobody.
        """
        name, settings = deliver.destination.value, self._settings
        is_sandbox = is_sandbox or settings.mail_sandbox
        destination = Nowhere() if is_sandbox else destination_of(deliver, settings, self._now)
        repeatable = destination if isinstance(destination, RepeatableSending) else None
        return Route(
            Sending(
                destination,
                Repeating(repeatable, provider=name, now=self._now, deliver=deliver),
                outage=self._outages(outage_of(deliver)),
                key_alert=self._key_alert,
                is_shared=False,
            ),
            OutcomeInquiry(
                lambda _: None,
                None,
                settings.on_unknown_outcome,
                taker=f"the destination {name}",
                unasked=_NO_MANIFEST if deliver.destination is DestinationName.GCS else NO_RECORDS,
            ),
        )

    def _outage(self, _of: str) -> ProviderOutage:
        return ProviderOutage(self._now, wait=timedelta(seconds=self._settings.provider_pause))
