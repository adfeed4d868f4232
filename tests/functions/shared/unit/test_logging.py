"""Addresses in what is logged."""

import pytest

from functions.shared.logging import _redact, redact_addresses


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("to ada@example.com, bob@example.org;", "to [address], [address];"),
        ("<ada@example.com>", "<[address]>"),
        ("mailto:a.b+c@mail.example.com", "mailto:[address]"),
        ('"ada lovelace"@example.com', "[address]"),
        ("<!channel>@example.com", "<!channel>[address]"),
        ("adä@exämple.com", "[address]"),
        ("o'brien@x.com", "[address]"),
        ("'o'brien@x.com'", "'[address]'"),
        ("'ada@example.com'", "'[address]'"),
        ("it's ada's: d'arcy@x.com, o'neill@x.com", "it's ada's: [address], [address]"),
        ("ada%40example.com", "[address]"),
        ("/users?email=ada%40example.com&b=c", "[address]"),
        ("%3Cada%40example.com%3E", "[address]%3E"),
        ("ada%2540example%2ecom", "[address]"),
        ("100%40ada.example", "[address]"),
        ("a%40b%40example.com", "a%40[address]"),
        ("50% off, ada%user@example.com", "50% off, [address]"),
        ("ada＠example.com", "[address]"),
        ("ada﹫example．com", "[address]"),
        ("アダ＠例え。テスト", "[address]"),
        ("ada@उदाहरण.परीक्षा", "[address]"),
        ("ada@example.com.", "[address]."),
        ("nobody@localhost", "nobody@localhost"),
        ("40%", "40%"),
        ("a%20b%2Ec", "a%20b%2Ec"),
        ("at @ noon", "at @ noon"),
    ],
)
def test_redacted(text: str, redacted: str) -> None:
    assert redact_addresses(text) == redacted


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        "n",
        "a@",
        '"',
        "a@b.",
        "@",
        '"a@',
        "n ",
        "n'",
        "'",
        "n''",
        "%",
        "%40",
        "n%40",
        "%4",
        "n%",
        "%25",
        "n＠n．",
        ".",
        "@.",
    ],
)
def test_a_long_text_takes_no_longer_than_its_length(unit: str) -> None:
    """They take a quarter of a second; with the square of its length they would take ten minutes and more."""
    redact_addresses(unit * 300_000)


def test_whatever_a_log_line_holds_is_redacted() -> None:
    line = {"a": ValueError("no ada@x.com"), "b": [{"ada@x.com": ("bob@x.com", 1)}], "c": b"ada@x.com", "d": True}
    assert _redact(None, "", line) == {
        "a": "ValueError('no [address]')",
        "b": [{"[address]": ["[address]", 1]}],
        "c": "[address]'",
        "d": True,
    }
