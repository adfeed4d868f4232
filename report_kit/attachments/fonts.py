"""The fonts of PDF documents: Noto Sans, for all scripts that it has, from packages that bring the files.

Cloud Run has no fonts, and those of a laptop would make other bytes there.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale

if TYPE_CHECKING:
    from typst import Fonts

_LATIN = "Noto Sans"
_HAN = {
    "zh_Hant_HK": "Noto Sans CJK HK",
    "zh_Hant": "Noto Sans CJK TC",
    "zh": "Noto Sans CJK SC",
    "ko": "Noto Sans CJK KR",
}
"""Chinese, Japanese and Korean write the same characters in forms of their own."""
_OTHER_HAN = "Noto Sans CJK JP"


@functools.cache
def fonts() -> "Fonts":
    """All fonts there are. Typst reads of a file what it needs."""
    import manimgx_fonts
    import manimgx_fonts_cjk
    import typst

    folders = [str(Path(package.__path__[0])) for package in (manimgx_fonts, manimgx_fonts_cjk)]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)


def families(locale: Locale) -> list[str]:
    """Which fonts a document in a language prefers. What they lack comes from any other.

    Args:
        locale: of the document.
    """
    language, script, territory = locale.language, locale.script, locale.territory
    if language == "zh" and script is None and territory in {"TW", "HK", "MO"}:
        script = "Hant"
    for name in (f"{language}_{script}_{territory}", f"{language}_{script}", language):
        if name in _HAN:
            return [_LATIN, _HAN[name]]
    return [_LATIN, _OTHER_HAN]
