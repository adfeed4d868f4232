"""Slack's markup as HTML."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.console.mrkdwn import mrkdwn_to_html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("*bold* _italic_ ~struck~", "<strong>bold</strong> <em>italic</em> <s>struck</s>"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("`a *b* c`", "<code>a *b* c</code>"),
        ("```\ntwo\nlines\n```", "<pre>two\nlines</pre>"),
        (
            "<https://a.b/c_d_e|the *logs*>",
            '<a href="https://a.b/c_d_e" rel="noreferrer">the <strong>logs</strong></a>',
        ),
        (
            "<https://a.b/?x=1&amp;y=2>",
            '<a href="https://a.b/?x=1&amp;y=2" rel="noreferrer">https://a.b/?x=1&amp;y=2</a>',
        ),
        ("a &lt; b &amp; c", "a &lt; b &amp; c"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
    ],
)
def test_markup(text: str, expected: str) -> None:
    assert mrkdwn_to_html(text) == expected


@settings(deadline=None)
@given(st.text(alphabet="<>|&;\"'`*_~:/ahtps ltg\n", max_size=60))
def test_no_text_becomes_a_tag_of_its_own(text: str) -> None:
    html = mrkdwn_to_html(text)
    for tag in ("strong", "em", "s", "code", "pre", "/a"):
        html = html.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    for part in html.split("<")[1:]:
        assert part.startswith('a href="'), text
        assert part.split('"')[2].startswith(" rel="), text
