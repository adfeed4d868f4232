"""What recipients see of the kinds of report, and choose from."""

from collections.abc import Sequence
from typing import NamedTuple

from functions.shared.known_kinds import known_kinds
from functions.shared.mail.language import closest
from functions.shared.sanitize import sanitize
from functions.shared.times.schedule import RECIPIENTS_CADENCES, Cadence


class OfferedTimes(NamedTuple):
    """What recipients choose from.

    Attributes:
        cadences: how often.
        hours: 0 to 23, of the recipient's own day.
    """

    cadences: Sequence[Cadence] = RECIPIENTS_CADENCES
    hours: Sequence[int] = range(24)


EVERY_TIME = OfferedTimes()


def offered_times(kind: str) -> OfferedTimes:
    """The `choices` of a kind's needs.yaml; all, where it has none."""
    about = known_kinds().get(kind, {})
    return OfferedTimes(
        cadences=tuple(map(Cadence, about.get("cadences", EVERY_TIME.cadences))),
        hours=tuple(about.get("hours", EVERY_TIME.hours)),
    )


def title_of(kind: str, locale: str) -> str:
    """What a report is called: the kind's own title in the language of its reader, or else the name of the kind in
    words.

    Args:
        kind: such as `team_notes`.
        locale: of the reader, as the email has it. A kind may speak more languages than the page.
    """
    if titles := known_kinds().get(kind, {}).get("titles"):
        title: str = titles[closest(locale, titles)]
        return title
    return sanitize(kind).replace("_", " ").capitalize()
