"""The breaker's record, in `mail_breaker/state`: whether it has stopped the runs, and what became of the emails.

The dispatcher's runs write it, and `reports resume-sending` lets the runs go on. docs/guides/deliverability.md says
when the breaker stops them. All of it is pure: the callers hold the Firestore client.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from functions.shared.records.stored_fields import stored_text, stored_values

MAIL_BREAKER = "mail_breaker"
"""The name of the collection."""

BREAKER_STATE = "state"
"""The id of its only document."""


class MailFigures(NamedTuple):
    """What became of the emails of a day, or of several days.

    Attributes:
        delivered: emails that the recipients' servers took.
        complaints: emails that recipients marked as spam.
        bounces: emails that the recipients' servers refused for good.
    """

    delivered: int = 0
    complaints: int = 0
    bounces: int = 0

    @classmethod
    def from_fields(cls, fields: Any) -> "MailFigures":
        """Read figures from a document, whatever it holds."""
        return cls(**stored_values(cls, fields if isinstance(fields, dict) else {}))

    @classmethod
    def total(cls, figures: Iterable["MailFigures"]) -> "MailFigures":
        """The figures of several days together."""
        return cls(*map(sum, zip(*figures, strict=True)))

    def beyond(self, earlier: "MailFigures") -> "MailFigures":
        """What has been added since an earlier reading of the same day."""
        return MailFigures(*(max(0, now - before) for now, before in zip(self, earlier, strict=True)))

    @property
    def attempted(self) -> int:
        """Emails that a server has taken or refused for good."""
        return self.delivered + self.bounces

    @property
    def complaint_percent(self) -> Decimal:
        """Complaints, as a percentage of the emails that were delivered."""
        return Decimal(100 * self.complaints) / max(1, self.delivered)

    @property
    def bounce_percent(self) -> Decimal:
        """Bounces, as a percentage of the emails that were delivered or bounced."""
        return Decimal(100 * self.bounces) / max(1, self.attempted)

    def to_fields(self) -> dict[str, int]:
        """The figures as a document has them."""
        return self._asdict()


class StatisticsReading(NamedTuple):
    """What a run learned from the email provider's statistics: `statistics` in the run's document.

    Attributes:
        figures: what became of the emails, as far as the breaker counts it; None where there are no figures.
        unavailable: why there are none.
    """

    figures: MailFigures | None = None
    unavailable: str = ""

    @classmethod
    def from_fields(cls, fields: Any) -> "StatisticsReading | None":
        """Read it from the run's document, whatever it holds; None if the run did not ask for statistics."""
        if not isinstance(fields, dict):
            return None
        if unavailable := stored_text(fields, "unavailable"):
            return cls(unavailable=unavailable)
        return cls(figures=MailFigures.from_fields(fields))

    def to_fields(self) -> dict[str, Any]:
        """The reading as the document has it."""
        return self.figures.to_fields() if self.figures else {"unavailable": self.unavailable}


class BreakerState(NamedTuple):
    """The breaker as Firestore has it. A field that is absent or malformed has the default.

    Attributes:
        stopped_at: the time of the run that the breaker stopped first; None while runs send.
        because: why it stopped the runs, in words, with the numbers.
        figures: what became of the emails, as far as the breaker counts it; None where no run has read it.
        read_at: the time of the run that read the figures.
        told: when people last got each alert of the breaker, by its kind.
        resumed_at: when a person last let the runs go on.
        resumed_by: who that was.
        note: what that person wrote about it.
        baseline: the figures of each day when the first run after that began. They count no more. None until that run
            has read them.
    """

    stopped_at: datetime | None = None
    because: str = ""
    figures: MailFigures | None = None
    read_at: datetime | None = None
    told: Mapping[str, datetime] = {}
    resumed_at: datetime | None = None
    resumed_by: str = ""
    note: str = ""
    baseline: Mapping[date, MailFigures] | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "BreakerState":
        """Read the document, whatever is in it; a breaker that has stopped nothing where there is no document.

        Args:
            snapshot: a FoundDocument.
        """
        fields = snapshot.fields or {}
        figures = fields.get("figures")
        own = {
            "figures": MailFigures.from_fields(figures) if isinstance(figures, dict) else None,
            "baseline": _baseline(fields.get("baseline")),
        }
        return cls(**stored_values(cls, fields) | own)

    def to_fields(self) -> dict[str, Any]:
        """The breaker as the document has it."""
        baseline = self.baseline
        return {
            **self._asdict(),
            "figures": self.figures.to_fields() if self.figures else None,
            "told": dict(self.told),
            "baseline": None if baseline is None else {f"{day}": each.to_fields() for day, each in baseline.items()},
        }

    @property
    def is_stopped(self) -> bool:
        """Whether no run sends anything."""
        return self.stopped_at is not None

    def resumed(self, *, at: datetime, by: str, note: str) -> "BreakerState":
        """The breaker once a person has let the runs go on. Only what happens from the next run on counts then.

        Args:
            at: the present, in UTC.
            by: who it is.
            note: what that person writes about it.
        """
        return self._replace(stopped_at=None, because="", resumed_at=at, resumed_by=by, note=note, baseline=None)


def _baseline(value: Any) -> dict[date, MailFigures] | None:
    if not isinstance(value, dict):
        return None
    read: dict[date, MailFigures] = {}
    for name, figures in value.items():
        try:
            read[date.fromisoformat(name)] = MailFigures.from_fields(figures)
        except ValueError:
            continue
    return read
