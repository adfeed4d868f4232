"""Addresses in what is logged."""

import pytest

from functions.shared.logging import redact_addresses


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("to ada@example.com, bob@example.org;", "to [address], [address];"),
        ("<ada@example.com>", "<[address]>"),
        ("mailto:a.b+c@mail.example.com", "mailto:[address]"),
        ('"ada lovelace"@example.com', "[address]"),
        ("<!channel>@example.com", "<!channel>[address]"),
        ("adä@exämple.com", "[address]"),
        ("nobody@localhost", "nobody@localhost"),
        ("at @ noon", "at @ noon"),
    ],
)
def test_redacted(text: str, redacted: str) -> None:
    assert redact_addresses(text) == redacted


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["n", "a@", '"', "a@b.", "@", '"a@', "n "])
def test_a_long_text_takes_no_longer_than_its_length(unit: str) -> None:
    """With the square of its length these would take hours."""
    redact_addresses(unit * 2_000_000)
