"""Kinds that were written for the kit as a version had it: this version makes their reports."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import report_kit
from report_kit import Period, PermanentError, SampleAmount, sample, try_kind
from tests.kinds_elsewhere import kinds_in

KINDS = Path(__file__).parent / "kinds"
PERIOD = Period(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))


@pytest.fixture(autouse=True, params=sorted(KINDS.iterdir()), ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The kinds of a version of the kit."""
    folder: Path = request.param
    with kinds_in(folder):
        yield folder


def test_every_name_is_still_there(folder: Path) -> None:
    """A name that goes raises `report_kit.API`, and its kinds need another release."""
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    assert [name for name in names if not hasattr(report_kit, name)] == []


@pytest.mark.parametrize(
    ("locale", "subject", "words"),
    [("en", "20 orders: Tuesday 24 November", "Your orders"), ("de", "20 Bestellungen: ", "Ihre Bestellungen")],
)
def test_a_kind_in_python(locale: str, subject: str, words: str) -> None:
    options = {"attach": ["csv", "xlsx", "pdf"], "more_files": True, "ask": True}
    documents = sample("orders", PERIOD)
    made = try_kind("orders", documents, PERIOD, user={"locale": locale}, subscription={"options": options})
    assert made.subject.startswith(subject)
    for part in (made.text, made.html):
        assert words in part
        assert "Tea" in part
    assert [image.content_id for image in made.images] == ["orders-chart"]
    assert [file.filename for file in made.attachments] == [
        *(f"orders-2026-11-24.{suffix}" for suffix in ("csv", "xlsx", "pdf")),
        *(f"more.{suffix}" for suffix in ("csv", "xlsx", "pdf", "txt")),
    ]


def test_a_kind_in_python_with_figures_with_nothing_and_with_a_refusal() -> None:
    cell = {"=Tea": {"count": 1, "sum": 12.5}}
    figures = {"order_figures": {"2026-11": {"days": {"2026-11-24": {"12:00": cell}}}}}
    since = {"order_figures_since": datetime(2026, 1, 1, tzinfo=UTC)}
    assert try_kind("orders", figures, PERIOD, user=since).subject == "1 order: Tuesday 24 November"
    nothing = sample("orders", PERIOD, SampleAmount.NOTHING)
    assert try_kind("orders", nothing, PERIOD).skip == "no orders"
    assert "No orders." in try_kind("orders", nothing, PERIOD, subscription={"skip_empty": False}).text
    with pytest.raises(PermanentError, match=r"^refused, as the option says$"):
        try_kind("orders", nothing, PERIOD, subscription={"options": {"refuse": True}})


@pytest.mark.parametrize(("locale", "words"), [("en", "Largest orders"), ("de", "Größte Bestellungen")])
def test_a_kind_from_sql(locale: str, words: str) -> None:
    week = Period(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
    made = try_kind("sales", sample("sales", week), week, subscription={"locale": locale, "cadence": "weekly"})
    for part in (made.text, made.html):
        assert words in part
        assert "€" in part
    assert len(made.images) == 1
    assert [file.filename.partition(".")[2] for file in made.attachments] == ["csv", "xlsx", "pdf"]
    options = {"least": 1e6, "most": 2, "since": "2026-11-01", "all": False, "currency": "USD"}
    documents = sample("sales", PERIOD, SampleAmount.NOTHING)
    assert try_kind("sales", documents, PERIOD, subscription={"options": options}).skip == "no orders"
