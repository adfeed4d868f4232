"""The alert that channels take."""

from datetime import UTC, datetime
from typing import NamedTuple


class Link(NamedTuple):
    """A link in an alert."""

    text: str
    url: str


class Alert(NamedTuple):
    """One message to people about a dead letter or a system alert, and others that have the same cause.

    Attributes:
        title: what happened, in a few words.
        facts: the name and the value of each known fact.
        error: what went wrong.
        others: how many others have the same cause.
        since: when the first of them all was received.
        commands: what the operator types next.
        links: where there is more about it.
        relation: what the others have in common with this one.
        advice: what else to do, in a sentence or two; may be empty.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    error: str
    others: int
    since: datetime
    commands: tuple[str, ...]
    links: tuple[Link, ...]
    relation: str
    advice: str = ""

    @property
    def following(self) -> str:
        """How many others there are, and since when; empty where there is none."""
        if not self.others:
            return ""
        count = "1 more" if self.others == 1 else f"{self.others} more"
        return f"And {count} {self.relation} since {clock_time(self.since)}."

    def to_text(self) -> str:
        """The whole alert as plain text."""
        lines = [f"{name}: {value}" for name, value in self.facts]
        lines += ["", self.error]
        if self.following:
            lines += ["", self.following]
        lines += ["", "What to do:", *([self.advice] if self.advice else []), *self.commands]
        if self.links:
            lines += ["", *(f"{link.text}: {link.url}" for link in self.links)]
        return "\n".join(lines)


def clock_time(timestamp: datetime) -> str:
    """A time as alerts show it, in the form of commands and due times: 2026-11-24T13:14:00Z."""
    return timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
