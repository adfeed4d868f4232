"""The table of what noticed which mistake."""

import pytest

from proof.mutants.trial import Outcome, Trial, Verdict
from proof.mutants.trials_table import trials_table

EVERYDAY = Verdict(outcome=Outcome.CAUGHT, command="make test", file="tests/test_a.py")
THOROUGH = Verdict(outcome=Outcome.CAUGHT, command="make test-all", file="tests/test_b.py")
MISSED = Verdict(outcome=Outcome.MISSED)


def trial(tests: Verdict, harness: Outcome = Outcome.NOT_ASKED) -> Trial:
    return Trial(name="a promise is broken", harness=harness, tests=tests)


def test_each_mistake_has_its_row_and_each_command_its_count() -> None:
    table = trials_table([trial(EVERYDAY, Outcome.CAUGHT), trial(THOROUGH), trial(EVERYDAY), trial(MISSED)])
    rows = [tuple(cell.strip() for cell in line.split("|")[2:-1]) for line in table.to_markdown().splitlines()[4:8]]
    assert rows == [
        ("caught", "caught", "make test", "tests/test_a.py"),
        ("not asked", "caught", "make test-all", "tests/test_b.py"),
        ("not asked", "caught", "make test", "tests/test_a.py"),
        ("not asked", "missed", "", ""),
    ]
    assert table.note == "Of 4 mistakes, `make test` notices 2, `make test-all` notices 1."


@pytest.mark.parametrize(
    ("tests", "harness", "noticed"),
    [
        (EVERYDAY, Outcome.CAUGHT, True),
        (THOROUGH, Outcome.NOT_ASKED, True),
        (EVERYDAY, Outcome.MISSED, False),
        (MISSED, Outcome.CAUGHT, False),
        (Verdict(outcome=Outcome.BROKEN), Outcome.CAUGHT, False),
    ],
)
def test_both_must_notice_a_mistake_where_both_are_asked(tests: Verdict, harness: Outcome, noticed: bool) -> None:
    assert trial(tests, harness).is_noticed is noticed
