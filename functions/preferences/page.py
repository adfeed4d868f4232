"""The pages as HTML. Pure but for the templates, which are read once."""

import functools
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2

from functions.preferences.changes import PauseFor, gets_copies
from functions.preferences.kinds import offered_times, title_of
from functions.preferences.store import Account
from functions.preferences.texts import cadence_name, labels, pause_name, state_of, working_day_name
from functions.shared.mail.brand import Brand
from functions.shared.mail.language import Catalogs, Language
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.named_brand import brand_name_of
from functions.shared.project_files import own_catalogs
from functions.shared.records.recipient_pauses import LONGEST_PAUSE, is_stopped, may_resume
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence, WorkingDay

_FOLDER = Path(__file__).parent
_CATALOGS = Catalogs(_FOLDER / "locales", Catalogs(own_catalogs("preferences")))
_A_MONDAY = datetime(2026, 11, 23)  # noqa: DTZ001  only its weekday and its hours are shown

language_for = _CATALOGS.language


@dataclass(frozen=True, kw_only=True)
class Message:
    """What has come of a form.

    Attributes:
        text: one sentence.
        next: what will happen next; may be empty.
        undo: what the form to take it back returns; empty where it cannot be taken back.
        is_error: nothing was changed, since the form was wrong.
    """

    text: str
    next: str = ""
    undo: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class Option:
    """A choice of a field."""

    value: str
    text: str
    is_chosen: bool = False
    fields: Sequence[str] = ()
    """Those that count with it; style.css hides the others."""


@dataclass(frozen=True)
class Field:
    """A field with choices."""

    name: str
    label: str
    options: Sequence[Option]


@dataclass(frozen=True, kw_only=True)
class Card:
    """One report on the page."""

    number: int
    title: str
    state: str
    zone: str = ""
    action: str
    is_paused: bool
    may_resume: bool = False
    may_stop: bool
    stop: str
    schedule: Sequence[Field] = ()
    first_day: str = ""
    last_day: str = ""


class Pages:
    """Makes the pages.

    Args:
        brands: the deployment's, without a name, and the named ones; a user's document may have another.
        keys: of the links.
        path: of PREFERENCES_URL: empty, or with a slash in front and none at its end.
    """

    def __init__(self, brands: Mapping[str, Brand], keys: TokenKeys, path: str) -> None:
        self._brands = brands
        self._keys = keys
        self._path = path

    def of_user(
        self,
        account: Account,
        token: RecipientToken,
        language: Language,
        *,
        now: datetime,
        message: Message | None = None,
    ) -> "Page":
        """What a user sees: all of the user's subscriptions, the one of the link first.

        Args:
            account: the user's.
            token: of the link.
            language: the user's.
            now: the present, in UTC.
            message: what has come of a form.
        """
        _ = language.gettext
        if not account.user.active:
            return self._page(account.user, language, _("Your reports"), message, lead=_("You get no reports."))
        titles = _titles(account, language)
        ordered = sorted(account.subscriptions, key=lambda each: each.id != token.subscription_id)
        cards = [
            self._card(number, titles[subscription.id], subscription, account.user, language, now=now)
            for number, subscription in enumerate(ordered, 1)
        ]
        return self._page(
            account.user,
            language,
            _("Your reports"),
            message,
            lead=_("These reports come to you by email.") if cards else _("You get no reports."),
            cards=cards,
            pauses=[Option(each, pause_name(each, language)) for each in PauseFor],
            stop_all=self._action(token) if sum(card.may_stop for card in cards) > 1 else "",
            undo_action=self._action(token) + "/undo",
        )

    def of_copy(
        self,
        user: User,
        subscription: Subscription,
        token: RecipientToken,
        language: Language,
        *,
        now: datetime,
        message: Message | None = None,
    ) -> "Page":
        """What somebody sees who gets another user's report: whether it still comes, and a button to stop it."""
        _ = language.gettext
        gets = user.active and gets_copies(subscription, token.copy_of, now=now)
        state = _("This report of somebody else comes to you by email, too.") if gets else _("You get no such emails.")
        card = Card(
            number=1,
            title=title_of(subscription.kind, subscription.locale or user.locale),
            state=state,
            action=self._action(token),
            is_paused=not gets,
            may_stop=gets,
            stop=_("Stop these emails"),
        )
        return self._page(
            user, language, _("Reports to you"), message, cards=[card], undo_action=self._action(token) + "/undo"
        )

    def unknown_recipient(self, language: Language) -> "Page":
        """What the link of a user or a subscription shows that is gone."""
        return self._page(
            None, language, language.gettext("Your reports"), None, lead=language.gettext("You get no reports.")
        )

    def plain(self, language: Language, title: str, text: str) -> "Page":
        """A page that says one thing, such as that there is nothing at an address."""
        return self._page(None, language, title, None, lead=text)

    def _page(
        self, user: User | None, language: Language, title: str, message: Message | None, **values: Any
    ) -> "Page":
        brand = self._brands[""]
        if user:
            brand = self._brands.get(brand_name_of(user.fields), brand).of_tenant(user.fields)[0]
        html = _template("page.html").render(
            {
                "language": language,
                "labels": labels(language),
                "brand": brand,
                "title": title,
                "lead": "",
                "cards": [],
                "stop_all": "",
                "style": f"{self._path}/style-{brand.color[1:]}-{style_version()}.css",
                **values,
                "message": message and {**vars(message), "undo_action": values.get("undo_action", "")},
            }
        )
        return Page(html, brand)

    def _action(self, token: RecipientToken) -> str:
        return f"{self._path}/{self._keys.make(token)}"

    def _card(
        self, number: int, title: str, subscription: Subscription, user: User, language: Language, *, now: datetime
    ) -> Card:
        _ = language.gettext
        zone = subscription.time_zone or user.time_zone
        is_paused = subscription.is_paused(now)
        today = now.astimezone(zone).date()
        return Card(
            number=number,
            title=title,
            state=state_of(subscription, zone, language, now=now),
            zone=_("Times are those of {zone}.").format(zone=zone.key.replace("_", " ")),
            action=self._action(RecipientToken(user.id, subscription.id)),
            is_paused=is_paused,
            may_resume=is_paused and may_resume(subscription),
            may_stop=not is_stopped(subscription),
            stop=_("Stop this report"),
            schedule=() if is_paused else _schedule_fields(subscription, language),
            first_day=(today + timedelta(days=1)).isoformat(),
            last_day=(today + LONGEST_PAUSE).isoformat(),
        )


@dataclass(frozen=True)
class Page:
    """A page, and whose it is."""

    html: str
    brand: Brand

    @property
    def content_security_policy(self) -> str:
        """Nothing but the page's own style and the brand's logo, and no form to anywhere else.

        https://www.w3.org/TR/CSP3/
        """
        logo = urlsplit(self.brand.logo_url)
        pictures = f"{logo.scheme}://{logo.netloc}" if logo.netloc else "'none'"
        return (
            f"default-src 'none'; style-src 'self'; img-src {pictures}; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )


def style(color: str) -> str:
    """The style sheet of a brand.

    Args:
        color: the accent, as #rrggbb.
    """
    return _template("style.css").render({"brand": Brand(color=color)})


@functools.cache
def style_version() -> str:
    """Changes with the style sheet, which browsers keep."""
    return hashlib.sha256((_FOLDER / "templates" / "style.css").read_bytes()).hexdigest()[:8]


@functools.cache
def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _titles(account: Account, language: Language) -> dict[str, str]:
    """The title of each subscription, by its id. Those of one kind are numbered, the same way on each page."""
    seen: Counter[str] = Counter()
    titles: dict[str, str] = {}
    for subscription in account.subscriptions:
        title = title_of(subscription.kind, account.user.locale)
        seen[title] += 1
        titles[subscription.id] = title if seen[title] == 1 else f"{title} ({language.number(seen[title])})"
    return titles


def _schedule_fields(subscription: Subscription, language: Language) -> list[Field]:
    _ = language.gettext
    offered = offered_times(subscription.kind)
    # What was chosen for somebody stays a choice.
    cadences = [
        Option(each, cadence_name(each, language), each is subscription.cadence, each.fields)
        for each in Cadence
        if each in (*offered.cadences, subscription.cadence)
    ]
    weekdays = [
        Option(str(number), language.weekday(_A_MONDAY + timedelta(days=number - 1)), number == subscription.weekday)
        for number in range(1, 8)
    ]
    chosen = subscription.working_day or subscription.day
    days = [Option(each, working_day_name(each, language), each is chosen) for each in WorkingDay]
    days += [Option(str(number), language.number(number), number == chosen) for number in range(1, 32)]
    times = [
        _A_MONDAY.replace(hour=hour, minute=subscription.minute) for hour in sorted({*offered.hours, subscription.hour})
    ]
    hours = [Option(str(each.hour), language.time(each), each.hour == subscription.hour) for each in times]
    return [
        Field("cadence", _("How often"), cadences),
        Field("weekday", _("Weekday"), weekdays),
        Field("day", _("Day of the month"), days),
        Field("hour", _("Time"), hours),
    ]
