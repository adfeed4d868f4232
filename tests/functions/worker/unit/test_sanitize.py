"""Text that others wrote, made fit for a header."""

import pytest

from functions.worker.sanitize import NAME_CHARACTERS, display_name, sanitize


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Ada", "Ada"),
        ("Ada\r\nBcc: everybody@example.com", "Ada Bcc: everybody@example.com"),
        ("Ada\x00\x1b[31m", "Ada [31m"),
        ("Ada\u2028Lovelace\u00a0 Byron", "Ada Lovelace Byron"),
        ("\u202egpj.exe", "gpj.exe"),
        ("<b>Ada</b>", "<b>Ada</b>"),
        ("\ud800Ada", "Ada"),
        ("👩\u200d🚀 Ada", "👩\u200d🚀 Ada"),
        ("  ", ""),
        ("a" * 101, "a" * 100),
        ("a" * 99 + "  b", "a" * 99),
    ],
)
def test_sanitize(text: str, line: str) -> None:
    assert sanitize(text) == line


@pytest.mark.parametrize(
    "name",
    [
        "Ada",
        "Zoë Müller-Groß",
        "佐藤 花子",
        "J. R. R. Tolkien",
        "Noah <noah> & Sons",
        "Smith: the Third / Jr.",
        "wwwill",
        "a" * NAME_CHARACTERS,
    ],
)
def test_a_name_is_a_name(name: str) -> None:
    assert display_name(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "URGENT: verify at https://evil.example/login",
        "HTTPS://EVIL.EXAMPLE",
        "see www.evil.example",
        "WWW.evil.example",
        "write to help@evil.example",
        "ｗｗｗ．evil.example",
        "help＠evil.example",
        "https：／／evil.example",
        "ht\u200dtps:\u200d//evil.example",
        "https:\u200b//evil.example",
        "x" * NAME_CHARACTERS + " https://evil.example",
    ],
)
def test_what_could_be_a_link_or_an_address_is_no_name(text: str) -> None:
    assert display_name(text) == ""


def test_a_long_name_is_cut() -> None:
    assert display_name("Ada " * 1000) == ("Ada " * 15).rstrip()
    assert display_name("Ada\r\nBcc: everybody") == "Ada Bcc: everybody"
