"""Text that others wrote, made fit for a header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.sanitize import NAME_CHARACTERS, display_name, error_text, filename, sanitize


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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sales 2026-11.csv", "sales 2026-11.csv"),
        ("売上 (11月).xlsx", "売上 (11月).xlsx"),
        ("Zo\u0065\u0308.pdf", "Zoë.pdf"),
        ('a"; filename="b.exe', "a__ filename=_b.exe"),
        ("a\r\nContent-Type: text/html.csv", "a Content-Type_ text_html.csv"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\secret|<x>*?.csv", "C__secret__x___.csv"),
        ("\u202efdp.exe", "fdp.exe"),
        (".hidden", "hidden"),
        ("trailing. ", "trailing"),
        ("CON", "_CON"),
        ("nul.csv", "_nul.csv"),
        ("console.csv", "console.csv"),
        ("", "attachment"),
        ("...", "attachment"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
        ("売" * 300 + ".csv", "売" * 65 + ".csv"),
        ("no suffix, but a.long sentence", "no suffix, but a.long sentence"),
    ],
)
def test_filename(text: str, name: str) -> None:
    assert filename(text) == name


@given(st.text())
def test_any_text_becomes_a_filename(text: str) -> None:
    name = filename(text)
    assert 0 < len(name) <= 101
    assert len(name.encode()) <= 201
    assert not set(name) & set('\\/:*?"<>|;\r\n\t\0')
    assert name == name.strip(" ")
    assert filename(name) == name


@pytest.mark.parametrize("before", range(985, 1000))
@pytest.mark.parametrize("blanks", [1, 9_000, 9_990])
def test_an_error_that_is_cut_has_no_part_of_an_address(before: int, blanks: int) -> None:
    assert "j" not in error_text("." * before + " " * blanks + "jane@example.com and more")
