"""Templates: where values go, and what they cannot do there."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.destinations.email.provider import make_tags_inert
from functions.worker.destinations.email.sendgrid.tags import GROUP_LINK
from report_kit.blocks import Table, TableRow
from report_kit.language import language_for
from report_kit.mistakes import TemplateMistake
from report_kit.rendering import MOST_HTML_BYTES, forget_templates, render
from tests.function_process import REPOSITORY

ENGLISH = language_for("en")
MJML = (
    '<mjml><mj-body><mj-section><mj-column><mj-text><a title="{{ value }}">{{ value }}</a></mj-text>'
    '<mj-image src="cid:x" alt="{{ value }}" /></mj-column></mj-section></mj-body></mjml>'
)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "report.mjml").write_text(MJML)
    (folder / "report.txt").write_text("{{ value }}")
    return folder


class Elements(HTMLParser):
    """Which elements a page has, and the text in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.titles: list[str] = []
        self.alts: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.titles += [value or "" for name, value in attrs if name == "title"]
        self.alts += [value or "" for name, value in attrs if name == "alt"]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(
    value=st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]))
    | st.sampled_from(
        [
            "<%",
            "<script>",
            '"><img src=x onerror=alert(1)>',
            "</mj-text><mj-raw>",
            "{{ 7 * 7 }}",
            "{% raw %}",
            "<!--",
            "-->",
        ]
    )
)
def test_a_value_is_text_wherever_it_stands(templates: Path, value: str) -> None:
    html, _ = render([templates], {"value": value}, ENGLISH)
    plain, _ = render([templates], {"value": "plain"}, ENGLISH)
    page = Elements(html)
    assert page.tags == Elements(plain).tags
    assert page.titles == [value]
    assert page.alts == [value]
    assert value.strip() in page.text


def test_the_text_part_is_not_escaped(templates: Path) -> None:
    assert render([templates], {"value": "a < b & {{ 7 * 7 }}"}, ENGLISH)[1] == "a < b & {{ 7 * 7 }}\n"


def test_sendgrids_own_tag_stays_as_sendgrid_looks_for_it(templates: Path) -> None:
    assert f">{GROUP_LINK}<" in render([templates], {"value": GROUP_LINK}, ENGLISH, inert=make_tags_inert)[0]


def test_a_value_that_there_is_none_of_is_an_error(templates: Path) -> None:
    with pytest.raises(TemplateMistake, match=r"report\.txt:1: 'value' is undefined$"):
        render([templates], {}, ENGLISH)


def test_mails_load_nothing_from_elsewhere(templates: Path) -> None:
    html, _ = render([templates], {"value": ""}, ENGLISH)
    assert re.findall(r"(?:src|href)=\"(?!cid:)([^\"]*)|url\(", html) == []


def test_columns_stand_below_one_another_in_any_script(tmp_path: Path) -> None:
    (tmp_path / "report.mjml").write_text(MJML)
    (tmp_path / "report.txt").write_text("{% for line in value | columns %}{{ line }}\n{% endfor %}")
    table = [["Type", "Events"], ["種類", "7"], ["a", "1,234"]]
    assert render([tmp_path], {"value": table}, ENGLISH)[1].splitlines() == [
        "Type  Events",
        "種類       7",
        "a      1,234",
    ]
    forget_templates()


def test_columns_of_text_stand_to_the_left(tmp_path: Path) -> None:
    (tmp_path / "report.mjml").write_text(MJML)
    (tmp_path / "report.txt").write_text("{% for line in value | columns([1]) %}{{ line }}\n{% endfor %}")
    table = [["Product", "Where", "Total"], ["Tea", "Rome", "9"], ["Cups", "Porto", "10"]]
    assert render([tmp_path], {"value": table}, ENGLISH)[1].splitlines() == [
        "Product  Where  Total",
        "Tea      Rome       9",
        "Cups     Porto     10",
    ]
    forget_templates()


def test_lines_without_room_for_their_columns_become_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "report.mjml").write_text(MJML)
    (tmp_path / "report.txt").write_text("{% for line in value | columns %}{{ line }}\n{% endfor %}")
    table = [["Product", "Where", "Note"], ["Tea", "x" * 40, "word " * 20], ["Cups", "Rome", "none"]]
    lines = render([tmp_path], {"value": table}, ENGLISH)[1].splitlines()
    assert lines[:2] == ["Product: Tea", f"Where: {'x' * 40}"]
    assert lines[-4:] == ["", "Product: Cups", "Where: Rome", "Note: none"]
    assert max(map(len, lines)) <= 72
    forget_templates()


@pytest.mark.starts_process
def test_the_first_reports_of_a_process_may_be_built_at_the_same_time() -> None:
    """What is imported, compiled and registered with the first is so only once, and whole for all of them."""
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "from tests.functions.worker.unit.samples import mail_of_sample\n"
        "together = Barrier(8)\n"
        "def build(number):\n"
        "    together.wait()\n"
        "    mail = mail_of_sample(('activity', 'usage')[number % 2], ('en', 'ja')[number // 2 % 2])\n"
        "    return number % 4, mail.subject, mail.text, mail.html, mail.images[0].content\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    mails = set(pool.map(build, range(8)))\n"
        "assert len(mails) == 4, len(mails)\n"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True, timeout=60)


def test_what_is_too_long_for_a_mail_is_cut_and_the_mail_says_so(tmp_path: Path) -> None:
    (tmp_path / "report.mjml").write_text(
        "<mjml><mj-body><mj-section><mj-column><mj-table>{% for row in rows %}<tr><td>{{ row }}</td></tr>{% endfor %}"
        "</mj-table><mj-text>{{ left_out }}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    (tmp_path / "report.txt").write_text("{{ rows | length }} {{ left_out }}")
    few = render([tmp_path], {"rows": ["x" * 100] * 10}, ENGLISH)
    assert few[1] == "10\n"
    html, text = render([tmp_path], {"rows": ["x" * 100] * 5_000}, ENGLISH)
    assert MOST_HTML_BYTES / 3 < len(html.encode()) <= MOST_HTML_BYTES
    assert text == "625 There is more than fits into an email: the end of a list is left out.\n"
    forget_templates()


def test_a_table_among_blocks_is_cut_too(tmp_path: Path) -> None:
    (tmp_path / "report.mjml").write_text(
        "<mjml><mj-body><mj-raw>{% for block in blocks %}</mj-raw>\n"
        '<mj-include path="block.mjml" />\n<mj-include path="table.mjml" />\n'
        "<mj-raw>{% endfor %}</mj-raw></mj-body></mjml>"
    )
    (tmp_path / "report.txt").write_text('{% include "blocks.txt" %}{{ left_out }}')
    table = Table(title="Long", columns=["Name"], rows=[TableRow(cells=["x" * 40])] * 2_000)
    html, text = render([tmp_path], {"blocks": ["first", table, "last"], "table": table}, ENGLISH)
    assert MOST_HTML_BYTES / 3 < len(html.encode()) <= MOST_HTML_BYTES
    assert (text.startswith("first\n\nLong"), "\nlast\n\nThere is more" in text) == (True, True)
    forget_templates()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("word " * 20, [("word " * 14).strip(), ("word " * 6).strip()]),
        ("x" * 100, ["x" * 72, "x" * 28]),
        ("あ" * 40, ["あ" * 36, "あ" * 4]),
        # No line begins with what closes a sentence.
        ("あ" * 36 + "。い", ["あ" * 35, "あ。い"]),
        ("see https://example.com/" + "x" * 80, ["see", "https://example.com/" + "x" * 80]),
        ("", [""]),
    ],
)
def test_lines_of_the_text_part_have_72_columns(tmp_path: Path, text: str, lines: list[str]) -> None:
    (tmp_path / "report.mjml").write_text(MJML)
    (tmp_path / "report.txt").write_text("|{{ value | wrapped }}|")
    forget_templates()
    assert render([tmp_path], {"value": text}, ENGLISH)[1] == "|" + "\n".join(lines) + "|\n"


@pytest.mark.parametrize("name", [name for name in dir(dict) if not name.startswith("_")])
def test_a_key_comes_before_a_method_of_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "report.mjml").write_text(MJML)
    (tmp_path / "report.txt").write_text(f"{{{{ value.{name} }}}} {{{{ value['{name}'] }}}}")
    assert render([tmp_path], {"value": {name: "shown"}}, ENGLISH)[1] == "shown shown\n"
    (tmp_path / "report.txt").write_text(f"{{{{ value['{name}'] }}}}")
    forget_templates()
    with pytest.raises(TemplateMistake, match=name):
        render([tmp_path], {"value": {}}, ENGLISH)


def test_a_method_is_found_where_there_is_no_such_key(tmp_path: Path) -> None:
    (tmp_path / "report.mjml").write_text(MJML)
    (tmp_path / "report.txt").write_text("{% for key, each in value.items() %}{{ key }}{{ each }}{% endfor %}")
    assert render([tmp_path], {"value": {"a": 1}}, ENGLISH)[1] == "a1\n"
