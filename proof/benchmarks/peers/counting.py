"""What became of the reports, by the emails that the provider accepted and by what a person is told. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Told:
    """The reports that a person is told of, by a dead letter or a final failure.

    Attributes:
        failed: that they were not sent.
        unknown: that they may have been sent, or not.
    """

    failed: Collection[str] = ()
    unknown: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The reports by what became of them. The first four add up to all reports.

    Attributes:
        once: accepted once, and a person is told nothing.
        doubled: accepted more than once.
        lost: never accepted, and a person is told nothing.
        reported: not doubled, and a person is told.
        unknown: of those `reported`, how many the person is told may have been sent.
        called_failed: those that were accepted, although a person is told that they failed.
    """

    once: int = 0
    doubled: int = 0
    lost: int = 0
    reported: int = 0
    unknown: int = 0
    called_failed: int = 0


def count(reports: Iterable[str], *, accepted: Mapping[str, int], told: Told) -> Counts:
    """Count the reports.

    Args:
        reports: the ids of all.
        accepted: how many emails of each the provider has accepted.
        told: the reports that a person is told of.
    """
    once = doubled = lost = reported = unknown = called_failed = 0
    for report in reports:
        mails, is_failed, is_unknown = accepted.get(report, 0), report in told.failed, report in told.unknown
        called_failed += is_failed and mails > 0
        if mails > 1:
            doubled += 1
        elif is_failed or is_unknown:
            reported += 1
            unknown += is_unknown
        elif mails == 1:
            once += 1
        else:
            lost += 1
    return Counts(
        once=once, doubled=doubled, lost=lost, reported=reported, unknown=unknown, called_failed=called_failed
    )
