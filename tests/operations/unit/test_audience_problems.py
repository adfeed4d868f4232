"""What `./reports test` says about a query that names recipients, and that the one of a new kind works."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.kind_tests.audience_problems import audience_problems
from operations.kinds.new_kind import SKELETON
from tests.kinds_elsewhere import kinds_in


@pytest.fixture
def kind(tmp_path: Path) -> Iterator[Path]:
    """The folder of a new kind whose recipients a query names: the lines that say so are no comment any more."""
    folder = tmp_path / "kinds" / "sales"
    folder.mkdir(parents=True)
    for skeleton, name in (("report.yaml.in", "report.yaml"), ("sample.sql.in", "sample.sql")):
        text = (SKELETON / "sql" / skeleton).read_text(encoding="utf-8").replace("@SECRET@", "SALES_DATABASE_URL")
        text = re.sub(r"^# (audience:|  sql: |  defaults: )", r"\1", text, flags=re.MULTILINE)
        (folder / name).write_text(text, encoding="utf-8")
    with kinds_in(folder.parent):
        yield folder


def test_the_recipients_of_a_new_kind_are_right(kind: Path) -> None:
    assert "\naudience:\n" in (kind / "report.yaml").read_text(encoding="utf-8")
    assert list(audience_problems("sales")) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("sample.sql", "grace@example.com", "grace", "row 2 of the sample's recipients: email: must be an email"),
        ("report.yaml", "FROM customers", "FROM clients", ": audience: no such table: clients"),
        ("report.yaml", "hour: 8}", "hour: 25}", ": audience.defaults: hour: must be an integer"),
    ],
)
def test_what_is_wrong_is_said(kind: Path, file: str, old: str, new: str, problem: str) -> None:
    text = (kind / file).read_text(encoding="utf-8")
    (kind / file).write_text(text.replace(old, new), encoding="utf-8")
    (said,) = audience_problems("sales")
    assert problem in said
