"""What becomes of what a kind returns."""

import html
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from functions.worker import compose as composing
from functions.worker.destinations.email.model import Mail
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.report import Attachment, PermanentError, Report, Skip
from tests.functions.worker.unit.samples import COMPLIANCE, PERIOD, subscription, user

MJML = """<mjml>
<mj-head>
<mj-include path="head.mjml" />
</mj-head>
<mj-body>
<mj-include path="opening.mjml" />
<mj-include path="closing.mjml" />
</mj-body>
</mjml>"""


def compose(monkeypatch: pytest.MonkeyPatch, returned: Any, locale: str = "en") -> Mail | Skip:
    """The email of a kind that returns this."""
    monkeypatch.setattr(composing, "find", lambda _kind, _variant: lambda _request: returned)
    made = composing.compose(
        "orders",
        user(locale=locale),
        subscription(),
        PERIOD,
        InMemoryUserData({}),
        delivery_id="d1",
        run_id="r1",
        compliance=COMPLIANCE,
    )
    assert isinstance(made, Mail | Skip)
    return made


def test_a_kind_may_have_nothing_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compose(monkeypatch, Skip("no orders")) == Skip("no orders")


def test_what_is_neither_report_nor_skip_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermanentError, match=r"^orders: build returned NoneType, neither Report nor Skip$"):
        compose(monkeypatch, None)


def report_with(folder: Path, *files: Attachment, url: str = "") -> Report:
    (folder / "report.mjml").write_text(MJML, encoding="utf-8")
    (folder / "report.txt").write_text('{% include "closing.txt" %}', encoding="utf-8")
    return Report(
        subject="Orders",
        templates=folder,
        values={"preview": "", "greeting": "Hello", "title": "Orders", "period": "Today", "footer": "Daily."},
        attachments=files,
        url=url,
    )


def csv_of(megabytes: int, name: str) -> Attachment:
    return Attachment(filename=name, content=b"x" * (megabytes * 1024 * 1024 or 1), media_type="text/csv")


def test_files_go_with_the_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = compose(monkeypatch, report_with(tmp_path, csv_of(0, "a/b.csv"), csv_of(19, "c.csv")))
    assert isinstance(made, Mail)
    assert [each.filename for each in made.attachments] == ["a_b.csv", "c.csv"]
    assert "not attached" not in made.text + made.html


@pytest.mark.parametrize("locale", ["en", "ja"])
def test_files_that_are_too_large_are_left_out_with_a_sentence_and_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    report = report_with(tmp_path, csv_of(23, "sales & more.csv"), csv_of(1, "b.csv"), url="https://example.com/orders")
    with capture_logs() as logs:
        made = compose(monkeypatch, report, locale=locale)
    assert isinstance(made, Mail)
    assert [each.filename for each in made.attachments] == ["b.csv"]
    in_text, in_html = " ".join(made.text.split()), html.unescape(made.html)
    sentence = {
        "en": "This file is too large for an email and not attached: sales & more.csv (23 MB).",
        "ja": "メールに添付するには大きすぎるため、次のファイルは添付されていません: sales & more.csv (23MB)。",
    }[locale]
    for part in (in_text, in_html):
        assert sentence.replace(" ", "") in part.replace(" ", "")
        assert part.index("sales") < part.index("https://example.com/orders")
    assert [entry for entry in logs if entry["event"] == "attachments_left_out"] == [
        {
            "event": "attachments_left_out",
            "log_level": "warning",
            "user_id": "u1",
            "kind": "orders",
            "files": 1,
            "bytes": 23 * 1024 * 1024,
        }
    ]


def test_a_file_that_no_provider_takes_is_a_mistake_of_the_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PermanentError, match=r"^the attachment 'a\.csv' is empty$"):
        compose(monkeypatch, report_with(tmp_path, Attachment(filename="a.csv", content=b"", media_type="text/csv")))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://example.com", "https://example.com/a b"])
def test_a_button_leads_to_https_or_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with capture_logs() as logs:
        made = compose(monkeypatch, report_with(tmp_path, url=url))
    assert isinstance(made, Mail)
    assert url not in made.text + made.html
    assert "<a " not in made.html
    assert [entry["event"] for entry in logs] == ["report_url_unusable"]


FIELDS: dict[str, Any] = {"subject": "Orders", "templates": Path("templates"), "values": {}}
CSV: Any = Attachment(filename="a.csv", content=b"a", media_type="text/csv")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"subject": None}, "Report: subject is NoneType, not str"),
        ({"templates": "templates"}, "Report: templates is str, not Path"),
        ({"values": None}, "Report: values is NoneType, not Mapping"),
        ({"attachments": CSV}, "Report: attachments is Attachment, not Sequence"),
        # A generator would be used up by the first look at it.
        ({"attachments": iter([CSV])}, "Report: attachments is list_iterator, not Sequence"),
        ({"attachments": [("a.csv", b"a", "text/csv")]}, "Report: tuple is no Attachment"),
        ({"attachments": [replace(CSV, content="a")]}, "Attachment: content is str, not bytes"),
        ({"attachments": [replace(CSV, filename=None)]}, "Attachment: filename is NoneType, not str"),
        ({"images": [CSV]}, "Report: Attachment is no InlineImage"),
        ({"url": None}, "Report: url is NoneType, not str"),
    ],
)
def test_a_report_of_other_types_is_one_line_before_anything_is_sent(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(PermanentError) as raised:
        Report(**{**FIELDS, **fields})
    assert str(raised.value) == said
