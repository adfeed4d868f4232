"""What a kind of report is asked for: the one argument of its `build`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast
from zoneinfo import ZoneInfo

from functions.shared.mail.brand import PLAIN, Brand
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.times.period import Period, is_regular, unit_before
from functions.shared.times.schedule import Cadence, Schedule
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.report import PermanentError
from report_kit.user_data import UserData

if TYPE_CHECKING:
    from functions.shared.firestore.database import Database
    from functions.shared.firestore.google_client import Client
    from report_kit.language import Language


Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """One report of one subscription.

        >>> request.user.name, request.locale, request.cadence.value, request.options.get("shop")
        ('Ada', 'en', 'daily', None)

    Attributes:
        user: whose report it is; the name is fit to be shown. `user.fields` has the whole document.
        subscription: which of the user's subscriptions asks for it.
        period: the time that it covers.
        data: the user's own data.
        database: whose client `firestore` returns; None where there is no Firestore, as for a sample.
        settings: what `setting` returns, by name.
        brand: whose email it is, such as for the color of a chart.
    """

    user: User
    subscription: Subscription
    period: Period
    data: UserData
    database: "Database | None" = None
    settings: Mapping[str, str] = field(default_factory=dict)
    brand: Brand = PLAIN

    @property
    def time_zone(self) -> ZoneInfo:
        """Whose days and hours the report means: the subscription's zone, or else the user's."""
        return self.schedule.time_zone

    @property
    def locale(self) -> str:
        """The report's language, as BCP 47: the subscription's, or else the user's."""
        return self.subscription.locale or self.user.locale

    @property
    def language(self) -> "Language":
        """The report's words and formats, in its language: the words of the kind's own `locales/`, and those of all
        kinds."""
        # Imported with the first report: Babel takes long.
        from report_kit.language import language_for

        return language_for(self.locale, self.subscription.kind)

    @property
    def cadence(self) -> Cadence:
        """How often the report comes."""
        return self.subscription.cadence

    @property
    def options(self) -> Mapping[Any, Any]:
        """What the subscription sets for the kind, such as a threshold. Others write it: any value may be anything."""
        return self.subscription.options

    @property
    def skip_empty(self) -> bool:
        """Whether to return Skip where there is nothing to report; otherwise the report says so itself."""
        return self.subscription.skip_empty

    @property
    def firestore(self) -> "Client":
        """Google's own client of Firestore, for collections that are not below the user's document. Give each call a
        `timeout`, in seconds.

        Raises:
            PermanentError: there is none: a sample and tests have `data` alone.
        """
        if self.database is None:
            raise PermanentError("request.firestore: there is no Firestore here; a sample has request.data alone")
        return self.database.client

    def setting(self, name: str) -> str:
        """A setting or a secret of the kind.

        Args:
            name: of its variable.

        Raises:
            PermanentError: the kind declares none of that name.
        """
        if name not in self.settings:
            declared = ", ".join(sorted(self.settings)) or "nothing"
            raise PermanentError(f"request.setting: needs.yaml declares no {name}, but {declared}")
        return self.settings[name]

    def ask(self, call: Callable[[Mapping[str, str], Asked], Answered], asked: Asked) -> Answered:
        """Ask a service of the team's own, such as a REST API: calls `call(self.settings, asked)`. A sample and tests
        have a stand-in for it, which is called instead (`answers` in `sample.py`). Give each call a time limit, in
        seconds.

            >>> request.ask(fetch_orders, {"user": request.user.id})
            ['Tea', 'Cocoa']

        Args:
            call: asks the service.
            asked: what it is asked.

        Raises:
            PermanentError: there is no stand-in for a sample or a test.
            Exception: whatever `call` raises; the report is tried again.
        """
        if not isinstance(self.data, InMemoryUserData):
            return call(self.settings, asked)
        if self.data.answer is None:
            raise PermanentError("request.ask: there is no service here, and sample.py has no answers")
        return cast(Answered, self.data.answer(self.settings, asked))

    @property
    def schedule(self) -> Schedule:
        """When the subscription's reports are due, in the report's time zone."""
        return self.subscription.schedule(self.user)

    @property
    def is_regular(self) -> bool:
        """Whether the period is one unit or cadence of the schedule: it does not catch up on missed reports."""
        return is_regular(self.schedule, self.period)

    @property
    def previous_period(self) -> Period:
        """The period to compare with: the one before by the schedule, such as the month before with its own length.

        A period that is none of the schedule's, because it catches up on missed runs, is compared with as much time
        before it.
        """
        if self.is_regular:
            return unit_before(self.schedule, self.period.start)
        return Period(start=self.period.start - (self.period.end - self.period.start), end=self.period.start)
