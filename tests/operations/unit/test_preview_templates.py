"""A template that is changed while a preview is watched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.shared.settings import MailSettings
from operations.errors import OperatorError
from operations.kinds.new_kind import write_kind
from operations.previews import preview
from operations.previews.preview_period import parse_period
from operations.previews.preview_subject import sample_subject
from report_kit import rendering
from tests.kinds_elsewhere import kinds_in

KIND = "watched"
SUBJECT = sample_subject(KIND)
SETTINGS = MailSettings(mail_from="reports@example.com")
PERIOD = parse_period("2026-11-24", SUBJECT.user.time_zone)


@pytest.fixture
def template(tree: Path) -> Iterator[Path]:
    """A template of a kind."""
    write_kind(KIND, tree)
    with kinds_in(tree / "kinds"):
        yield tree / "kinds" / KIND / "templates" / "report.txt"


def text() -> str:
    data = preview.sample_data(KIND, PERIOD)
    mail = preview.build(KIND, *SUBJECT, PERIOD, data, SETTINGS, now=PERIOD.end)
    assert not isinstance(mail, preview.NothingToSend)
    return mail.text


def test_a_changed_template_is_noticed_once_and_rendered_anew(template: Path) -> None:
    templates = preview.KindFiles(KIND)
    assert "Note 1" in text()
    assert not templates.have_changed()
    template.write_text("changed: {{ title }}")
    assert templates.have_changed()
    assert text() == "changed: Watched\n"
    assert not templates.have_changed()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("\n{% if %}", r"report\.txt:2: Expected an expression"),
        ("{{ nobody }}", r"report\.txt:1: 'nobody' is undefined"),
        ('{% include "nothing.txt" %}', r"report\.txt:1: there is no nothing\.txt in .*templates or .*layout"),
    ],
)
def test_a_broken_template_is_said_to_be_in_one_line(template: Path, content: str, said: str) -> None:
    templates = preview.KindFiles(KIND)
    template.write_text(content)
    assert templates.have_changed()
    with pytest.raises(OperatorError, match=said):
        text()


def test_broken_mjml_is_said_to_be(template: Path) -> None:
    (template.parent / "report.mjml").write_text("<mjml><mj-body><mj-nothing></mj-body></mjml>")
    rendering.forget_templates()
    with pytest.raises(OperatorError, match=r"report\.mjml:1: MJML has no element <mj-nothing>"):
        text()


def test_a_changed_catalog_is_noticed(template: Path) -> None:
    templates = preview.KindFiles(KIND)
    (template.parents[1] / "locales" / "fr.po").write_text('msgid ""\nmsgstr "Language: fr\\n"\n')
    assert templates.have_changed()
