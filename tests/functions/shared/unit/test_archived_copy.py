"""The copies of emails: their names, and that they come back as they were kept."""

import gzip
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.archived_copy import ArchivedCopy, CopiedFile, CopyName, user_part

NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
COPY = ArchivedCopy(
    user_id="u1",
    subscription_id="weekly",
    delivery_id="u1:weekly:20261130T0800Z",
    kind="usage",
    made_at=NOW,
    recipients=["ada@example.com"],
    subject="Grüße",
    html='<a href="[html]/copies/x">View</a><img src="cid:chart"><a href="[html]">Stop</a>',
    text="View: [text]/copies/x\nStop: [text]\n",
    html_tag="[html]",
    text_tag="[text]",
    images=[CopiedFile("chart.png", "image/png", b"\x89PNG", "chart")],
    attachments=[CopiedFile("a.csv", "text/csv", bytes(range(256)))],
)


def test_a_copy_comes_back_as_it_was_kept() -> None:
    packed = COPY.to_bytes()
    assert ArchivedCopy.from_bytes(gzip.decompress(packed)) == COPY
    assert COPY.to_bytes() == packed


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"made_at": 1}', b"\xff"])
def test_what_is_no_copy_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ArchivedCopy.from_bytes(content)


def test_a_page_has_the_recipients_own_links_and_its_pictures() -> None:
    page = COPY.page("https://x/?a=1&b=2")
    assert page == (
        '<a href="https://x/?a=1&amp;b=2/copies/x">View</a><img src="data:image/png;base64,iVBORw==">'
        '<a href="https://x/?a=1&amp;b=2">Stop</a>'
    )
    assert COPY.plain_text("https://x") == "View: https://x/copies/x\nStop: https://x\n"


def test_each_picture_is_in_its_own_place() -> None:
    pictures = [CopiedFile("c.png", "image/png", content, name) for name, content in (("c", b"x"), ("c-2", b"y"))]
    page = COPY._replace(html='<img src="cid:c-2"><img src="cid:c"><img src="cid:c-3">', images=pictures).page()
    assert page == ('<img src="data:image/png;base64,eQ=="><img src="data:image/png;base64,eA=="><img src="cid:c-3">')


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=1200), st.integers(1, 3650))
def test_a_name_is_read_as_it_was_made(user_id: str, delivery_id: str, days: int) -> None:
    name = CopyName.of(user_id, delivery_id, "0123", days=days, now=NOW)
    assert CopyName.parse(str(name)) == name
    assert str(name).startswith(f"{user_part(user_id)}/")
    assert len(str(name).encode()) <= 1024
    assert days <= (name.expires_at - NOW).days + 1 <= days + 1


@pytest.mark.parametrize("text", ["", "a", "a/b", "a/b/c", "a/b/20261301-c", "../x"])
def test_another_text_is_no_name(text: str) -> None:
    assert CopyName.parse(text) is None


def test_a_copy_is_kept_for_whole_days() -> None:
    assert CopyName.of("u", "d", "c", days=1, now=NOW).until == date(2026, 12, 2)
