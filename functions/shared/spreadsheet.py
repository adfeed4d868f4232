"""Makes text that others wrote fit for a CSV file that a person opens in a spreadsheet."""

import re

_FORMULA = re.compile(r"\A(?=[\t\r\n])|(?:\A|[;|:\t\r\n]\"*)(?=[\t=+\-@＝＋－＠])|[;|\t]\"*\Z")
"""Where a spreadsheet could begin to read a formula: at the start of a cell, and where a program that expects another
separator than the comma, as Excel does in half of Europe, begins a cell of its own. Such a program takes a quotation
mark there for the beginning of the cell, and doubled ones as well; and at the end of a text it would take the closing
one for it, and all of the next line into that cell.

https://owasp.org/www-community/attacks/CSV_Injection
"""


def inert(text: str) -> str:
    """The text with an apostrophe before everything that a spreadsheet could take for a formula.

    It holds for files that are split at commas, semicolons, tabs, bars or colons, and whose text with a separator, a
    quotation mark or a line break is in quotation marks. It does not hold for those split at blanks: every dash between
    two words would be a formula.

    Args:
        text: of one cell, before it is put in quotation marks.
    """
    return _FORMULA.sub(r"\g<0>'", text)
