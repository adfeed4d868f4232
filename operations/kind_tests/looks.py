"""What a kind is tried with: every language, every amount of made-up data, and every look that an email can have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from functions.shared.needs import NEXT_FOLDER, Needs
from functions.shared.times.schedule import Cadence
from operations.previews import preview as previews
from operations.previews.preview_period import PERIODS, parse_period
from operations.previews.preview_subject import sample_subject
from report_kit.kind_folders import folder_of

_BRANDED = {
    "MAIL_POSTAL_ADDRESS": "Example Inc., 1 Example Road, Example City",
    "MAIL_UNSUBSCRIBE_URL": "https://example.com/unsubscribe?user={user_id}&token={token}",
    "BRAND_NAME": "Example Cloud",
    "BRAND_URL": "https://app.example.com/",
    "BRAND_LOGO_URL": "https://example.com/logo.png",
    "BRAND_COLOR": "#7c3aed",
    "BRAND_FONT": "Inter, Georgia",
    "BRAND_FONT_URL": "https://example.com/inter.woff2",
}
_FULL = {"cc": ["team@example.com"], "options": {"attach": ["csv", "xlsx", "pdf"]}}


class Look(NamedTuple):
    """How an email can look, whatever it reports.

    Attributes:
        name: for people.
        cadence: how often it comes.
        settings: of the deployment's emails.
        fields: of the subscription.
    """

    name: str
    cadence: Cadence
    settings: Mapping[str, str]
    fields: Mapping[str, Any]


LOOKS = (
    Look("daily without a brand", Cadence.DAILY, {}, {}),
    *(Look(f"{cadence} with a brand", cadence, _BRANDED, _FULL) for cadence in PERIODS),
)


@dataclass(frozen=True, kw_only=True)
class Example:
    """An email that a kind can make.

    Attributes:
        version: of the kind: `current` or `next`.
        language: as BCP 47.
    """

    kind: str
    version: str
    amount: previews.SampleAmount
    language: str
    look: Look

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What tells it from the kind's others, for people."""
        return f"{self.version} version", self.amount, self.language, self.look.name

    def make(self) -> previews.MadeReport:
        """Make the email, also where there is nothing to report.

        Raises:
            OperatorError: the kind's code or its templates fail; the text says how.
        """
        user, subscription = sample_subject(self.kind, cadence=self.look.cadence)
        period = parse_period(PERIODS[self.look.cadence], ZoneInfo("UTC"))
        return previews.build(
            self.kind,
            user,
            subscription._replace(locale=self.language, skip_empty=False, **self.look.fields),
            period,
            previews.sample_data(self.kind, period, self.amount),
            previews.mail_settings(self.look.settings),
            now=period.end,
            variables=previews.known_needs().get(self.kind, Needs()).local_values,
            is_next=self.version == NEXT_FOLDER,
        )


def examples(kind: str) -> Iterator[Example]:
    """All emails that a kind can be tried with; none of a kind without a sample."""
    folder = folder_of(kind)
    if not any((folder / name).is_file() for name in ("sample.py", "sample.sql")):
        return
    versions = ("current", *([NEXT_FOLDER] if (folder / NEXT_FOLDER).is_dir() else []))
    for version, amount, language, look in product(versions, previews.SampleAmount, _languages(folder), LOOKS):
        yield Example(kind=kind, version=version, amount=amount, language=language, look=look)


def where(found: Sequence[Example], tried: Sequence[Example]) -> str:
    """Say which emails some are: by what they have in common, and not all have.

    Args:
        found: some.
        tried: all.
    """
    named = []
    for number in range(len(tried[0].dimensions)):
        some, every = (dict.fromkeys(each.dimensions[number] for each in those) for those in (found, tried))
        if some != every:
            named.append(", ".join(some))
    return "; ".join(named) or "every email"


def _languages(folder: Path) -> list[str]:
    """Those of all kinds, and those of a kind's own catalogs."""
    own = sorted(file.stem for file in folder.glob("locales/*.po"))
    return [each.replace("_", "-") for each in dict.fromkeys([*previews.languages(), *own])]
