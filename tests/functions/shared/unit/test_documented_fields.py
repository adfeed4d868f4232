"""The reference has every field of the documents that applications write, and no other."""

import dataclasses
import re

import pytest

from functions.shared.subscription import Subscription
from functions.shared.user import User
from tests.support import REPOSITORY

_PAGES = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "docs" / "reference").glob("*.md"))
_OF_NO_DOCUMENT = {"id", "problem", "version", "fields"}
_READ_BY_OTHERS = {"brand", "event_figures_since", "usage_figures_since"}
"""Fields of a user that the worker reads itself."""


def documented(heading: str) -> list[str]:
    """The fields in the first table below a heading."""
    section = _PAGES.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = section.partition("\n| field |")[2].partition("\n\n")[0]
    return [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.mark.parametrize(
    ("heading", "kind", "others"), [("A user", User, _READ_BY_OTHERS), ("A subscription", Subscription, set[str]())]
)
def test_the_table_has_each_field_once(heading: str, kind: type, others: set[str]) -> None:
    fields = {field.name for field in dataclasses.fields(kind)} - _OF_NO_DOCUMENT
    assert sorted(documented(heading)) == sorted(fields | others)
