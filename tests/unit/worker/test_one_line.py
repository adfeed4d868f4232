"""Text that others wrote, made fit for a header."""

import pytest

from functions.worker.one_line import one_line


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
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
