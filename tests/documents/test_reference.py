"""docs/reference/ says what the code does: its pages are made from the code, or compared with it."""

import re

import pytest

import report_kit
from operations.__main__ import INTERRUPTED
from operations.commands.examples import EXAMPLES
from operations.errors import ExitStatus
from tests.documents.commands import all_commands, unknown_commands
from tests.documents.reference import DOCS, PAGES, renewed
from tests.documents.report_kit import SECTIONS


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_as_the_code_has_it(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == renewed(page), "run make reference"


def test_every_command_has_an_example_that_it_takes() -> None:
    callable_ones = {path for path, command in all_commands() if not getattr(command, "commands", {})}
    assert EXAMPLES.keys() == callable_ones
    for path, example in EXAMPLES.items():
        assert example.startswith(f"reports {path}")
        assert len(example) < 79, "the help would break it"
    assert unknown_commands(EXAMPLES.values()) == []


def test_every_exit_status_is_in_the_page() -> None:
    page = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    table = page.partition("| exit status |")[2].partition("\n\n")[0]
    usage_error = 2
    assert {int(status) for status in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {
        *ExitStatus,
        usage_error,
        INTERRUPTED,
    }


def test_the_page_of_the_kit_has_all_of_its_names() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(report_kit.__all__)
