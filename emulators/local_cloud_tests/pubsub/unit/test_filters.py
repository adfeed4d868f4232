import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.pubsub.filters import InvalidFilter, parse_filter

REPORT = {"kind": "report", "lang": "en-GB", "ce-type": "x.y", "iana.org/tag": "en"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("  ", True),
        ("attributes:kind", True),
        ("attributes:other", False),
        ("NOT attributes:other", True),
        ("-attributes:kind", False),
        ('attributes.kind = "report"', True),
        ('attributes.kind="report"', True),
        ('attributes.kind = "Report"', False),
        ('attributes.kind != "report"', False),
        ('attributes.other != "report"', True),
        ('attributes.ce-type = "x.y"', True),
        ('attributes."iana.org/tag" = "en"', True),
        ('attributes:"iana.org/tag"', True),
        ('hasPrefix(attributes.lang, "en")', True),
        ('hasPrefix(attributes.lang, "fr")', False),
        ('hasPrefix(attributes.other, "")', False),
        ('attributes:kind AND attributes.lang = "en-GB"', True),
        ('attributes:kind AND attributes.lang = "fr"', False),
        ('attributes:other OR attributes.lang = "en-GB"', True),
        ("attributes:other OR attributes:another OR attributes:kind", True),
        ("attributes:other AND (attributes:kind OR attributes:lang)", False),
        ("NOT (attributes:other OR attributes:another)", True),
        ("NOT attributes:other AND attributes:kind", True),
        (r'attributes.kind = "\x72eport"', True),
        (r'attributes.kind = "\162\145port"', True),
        (r'attributes.kind = "\u0072eport"', True),
    ],
)
def test_a_filter_decides_by_the_attributes(text: str, matches: bool) -> None:
    assert parse_filter(text)(REPORT) is matches


@pytest.mark.parametrize(
    "text",
    [
        "kind",
        "attributes",
        "attributes.kind",
        "attributes.kind =",
        "attributes.kind = report",
        "attributes.kind > 'a'",
        "attributes:kind AND",
        "attributes:kind AND attributes:a OR attributes:b",
        "(attributes:kind",
        "attributes:kind)",
        "hasPrefix(attributes.kind)",
        'hasSuffix(attributes.kind, "a")',
        'attributes.kind = "open',
        r'attributes.kind = "\UFFFFFFFF"',
        "attributes:kind attributes:lang",
        "attributes:" + "k" * 256,
        "é",
    ],
)
def test_what_is_not_a_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidFilter):
        parse_filter(text)({})


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_value_can_be_matched(value: str, other: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    matches = parse_filter(f'attributes.k = "{quoted}"')
    assert matches({"k": value})
    assert matches({"k": other}) is (value == other)
