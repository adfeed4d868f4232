"""The breaker's record."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.mail_breaker import BreakerState, MailFigures, StatisticsReading

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


FULL = BreakerState(
    stopped_at=NOON,
    because="complaints: 0.35 %",
    figures=MailFigures(delivered=20_000, complaints=70, bounces=1),
    read_at=NOON,
    told={"sending-stopped": NOON},
    resumed_at=NOON,
    resumed_by="ann",
    note="the list is mended",
    baseline={date(2026, 11, 24): MailFigures(delivered=3)},
)


@pytest.mark.parametrize("state", [BreakerState(), FULL, BreakerState(baseline={})])
def test_it_is_read_as_it_was_written(state: BreakerState) -> None:
    assert BreakerState.from_snapshot(FoundDocument("mail_breaker/state", state.to_fields())) == state


def test_without_a_document_nothing_is_stopped() -> None:
    assert BreakerState.from_snapshot(FoundDocument("mail_breaker/state", None)) == BreakerState()


@pytest.mark.parametrize("odd", [7, "x", True, [1], {"1": 2}, datetime.min.replace(tzinfo=UTC), -1, 0.5])
def test_a_field_that_holds_anything_else_is_as_if_absent(odd: Any) -> None:
    read = BreakerState.from_snapshot(FoundDocument("mail_breaker/state", dict.fromkeys(FULL.to_fields(), odd)))
    assert (read.is_stopped, read.read_at, read.resumed_at, dict(read.told)) == (False, None, None, {})
    assert read.figures in {None, MailFigures()}
    assert read.baseline in (None, {})


def test_no_mail_is_no_division_by_zero() -> None:
    none = MailFigures()
    assert (none.complaint_percent, none.bounce_percent) == (Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    "reading", [StatisticsReading(unavailable="no key"), StatisticsReading(figures=MailFigures(delivered=1))]
)
def test_what_a_run_learned_is_read_as_it_was_written(reading: StatisticsReading) -> None:
    assert StatisticsReading.from_fields(reading.to_fields()) == reading


def test_a_run_that_has_not_asked() -> None:
    assert StatisticsReading.from_fields(None) is None
