"""Mistakes of a kind's author are told with their file and line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from report_kit.kind_folders import folder_of
from report_kit.language import language_for
from report_kit.mistakes import (
    TemplateMistake,
    describe_mistake,
    own_traceback,
)
from report_kit.rendering import HTML, forget_templates, render

MJML = """\
<mjml>
<mj-body>
  <mj-include path="top.mjml" />
  <mj-section>
    <mj-column>
      <mj-raw>{% for line in lines %}</mj-raw>
      <mj-text>{{ line.name }}</mj-text>
      <mj-raw>{% endfor %}</mj-raw>
    </mj-column>
  </mj-section>
</mj-body>
</mjml>
"""
TOP = "<mj-section>\n<mj-column>\n<mj-text>{{ title }}</mj-text>\n</mj-column>\n</mj-section>\n"
TEXT = '{{ title }}\n{% for line in lines %}\n- {{ line.name }}\n{% endfor %}\n{% include "end.txt" %}\n'
VALUES: dict[str, Any] = {"title": "Sales", "lines": [{"name": "Tea"}]}


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    for name, text in ((HTML, MJML), ("top.mjml", TOP), ("report.txt", TEXT), ("end.txt", "\nBye.\n")):
        (tmp_path / name).write_text(text)
    return tmp_path


def mistake(templates: Path, values: dict[str, Any] = VALUES) -> str:
    """What rendering says, with the folder left out."""
    forget_templates()
    with pytest.raises(TemplateMistake) as told:
        render([templates], values, language_for("en"))
    assert "\n" not in str(told.value)
    return str(told.value).replace(f"{templates}/", "")


def test_templates_without_a_mistake_are_filled_in(templates: Path) -> None:
    assert render([templates], VALUES, language_for("en"))[1] == "Sales\n- Tea\n\nBye.\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (HTML, "{{ line.name }}", "{{ line.nmae }}", "report.mjml:7: 'dict object' has no attribute 'nmae'"),
        (HTML, "{{ line.name }}", "{{ 1 / 0 }}", "report.mjml:7: ZeroDivisionError: division by zero"),
        (HTML, "{% endfor %}", "", "Unexpected end of template"),
        (HTML, "{% for line in lines %}", "{% for line lines %}", "report.mjml:6: expected token 'in', got 'lines'"),
        (HTML, "top.mjml", "tip.mjml", "report.mjml:3: there is no tip.mjml in "),
        (HTML, "</mj-text>", "</mj-column>", "report.mjml:7: </mj-column> closes <mj-text> of line 7"),
        (HTML, "  </mj-section>\n", "", "report.mjml:10: </mj-body> closes <mj-section> of line 4"),
        (HTML, "</mjml>", "", "report.mjml:1: <mjml> is not closed"),
        (HTML, "</mjml>", "</mjml></mj-text>", "report.mjml:12: </mj-text> closes nothing"),
        (HTML, "mj-text>", "mj-txt>", "report.mjml:7: MJML has no element <mj-txt>"),
        (HTML, "in lines %}", "in lines if 1 < 2 %}", "report.mjml:6: MJML takes the < for an element"),
        ("top.mjml", "{{ title }}", "{{ titel }}", "top.mjml:3: 'titel' is undefined"),
        ("top.mjml", "{{ title }}", "{{ title | bold }}", "top.mjml:3: No filter named 'bold'."),
        ("top.mjml", "</mj-text>", "", "top.mjml:4: </mj-column> closes <mj-text> of line 3"),
        (
            "top.mjml",
            "{{ title }}",
            '<mj-include path="x.mjml" />',
            "top.mjml:3: write <mj-include path=",
        ),
        ("report.txt", "{{ line.name }}", "{{ line.nmae }}", "report.txt:3: 'dict object' has no attribute 'nmae'"),
        ("report.txt", "{% endfor %}", "", "Unexpected end of template"),
        ("report.txt", "end.txt", "ende.txt", "report.txt:5: there is no ende.txt in "),
        ("end.txt", "Bye.", "{{ bye }}", "end.txt:2: 'bye' is undefined"),
        ("end.txt", "Bye.", "{{ bye", "end.txt:2: unexpected end of template"),
    ],
)
def test_a_mistake_in_a_template_is_told_with_its_line(
    templates: Path, file: str, old: str, new: str, said: str
) -> None:
    text = (templates / file).read_text()
    assert old in text
    (templates / file).write_text(text.replace(old, new))
    assert said in mistake(templates)


@pytest.mark.parametrize("file", [HTML, "report.txt"])
def test_a_template_that_is_missing_is_named(templates: Path, file: str) -> None:
    (templates / file).unlink()
    assert mistake(templates).startswith(f"there is no {file} in ")


def raised(code: str, file: Path, call: Callable[[dict[str, Any]], Any] = lambda names: names["build"]()) -> Exception:
    """What code raises that stands in a file."""
    names: dict[str, Any] = {}
    try:
        exec(compile(code, file, "exec"), names)  # noqa: S102
        call(names)
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError


OWN = folder_of("activity") / "made_up.py"
SHOWN = "kinds/activity/made_up.py"


def test_an_error_of_a_kinds_code_is_told_with_the_last_line_of_its_own() -> None:
    error = raised("import json\n\ndef build():\n    return total()\n\ndef total():\n    return json.loads('{')\n", OWN)
    said = describe_mistake(error, "activity")
    assert said.startswith(f"{SHOWN}:7: JSONDecodeError: Expecting property name")
    own = own_traceback(error, "activity")
    assert own is not None
    assert own.tb_frame.f_code.co_name == "build"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def build(:\n", f"{SHOWN}:1: SyntaxError: invalid syntax"),
        ("\nimport nothing_of_the_sort\n", f"{SHOWN}:2: ModuleNotFoundError: No module named 'nothing_of_the_sort'"),
        ("def build():\n    raise ValueError\n", f"{SHOWN}:2: ValueError"),
    ],
)
def test_an_error_of_python_itself_has_its_line(code: str, said: str) -> None:
    assert describe_mistake(raised(code, OWN), "activity") == said


def test_an_error_elsewhere_is_told_without_a_line() -> None:
    error = raised("def build():\n    return {}['total']\n", folder_of("usage") / "made_up.py")
    assert describe_mistake(error, "activity") == "KeyError: 'total'"
    assert own_traceback(error, "activity") is None
