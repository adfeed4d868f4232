"""An email's arguments as tags, and back."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.mail.argument_tags import argument_in, to_tags


@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=1_500))
def test_any_argument_comes_back_from_tags_that_a_provider_takes(value: str) -> None:
    tags = to_tags({"delivery_id": value, "run_id": "r"})
    assert argument_in(tags, "delivery_id") == value
    assert argument_in(tags, "run_id") == "r"
    for each in (*tags, *tags.values()):
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", each)


@pytest.mark.parametrize("value", ["!!!!", "Zm9v!Zm9v", "a", "_____w", "ab+/", 7, None, [], {}])
def test_a_tag_that_no_worker_has_written_carries_nothing(value: Any) -> None:
    assert argument_in({"delivery_id": value}, "delivery_id") == ""
