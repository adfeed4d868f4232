"""Checks the HTML of an email: what keeps people from reading it, and what mail programs do not show.

In the manner of Mailpit's HTML check (https://mailpit.axllent.org/docs/usage/html-check/), which has its facts from
https://www.caniemail.com as well.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

from operations.mail_checks import features, mail_programs
from operations.mail_checks.without_harm import WITHOUT_HARM

GMAIL_SHOWS_BYTES = 102_000
"""Gmail clips what is behind. https://github.com/hteumeuleu/email-bugs/issues/41"""
GMAIL_STYLE_BYTES = 16_000
"""Of one <style>: Gmail leaves a longer one out. https://github.com/hteumeuleu/email-bugs/issues/90"""
WIDEST = 600
"""In CSS pixels: the reading panes of mail programs are not much wider."""

_FEATURE_PAGE = "https://www.caniemail.com/features/{}/"
_FIXED_WIDTH = re.compile(r"(?:^|;)\s*(?:min-)?width\s*:\s*(\d{1,5})(?:\.\d+)?px", re.IGNORECASE)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing about an email.

    Attributes:
        what: a sentence, or the name of a feature that some mail programs do not know.
        advice: what to do about a problem, or what a difference makes.
        lacking: the mail programs that do not know the feature; empty for a sentence.
        url: where more about the feature stands; empty for a sentence.
    """

    what: str
    advice: str
    lacking: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class HtmlCheck:
    """What a check has found.

    Attributes:
        problems: what to mend, since readers lose something by it.
        differences: what is not the same in all mail programs, although the email can be read in each.
        size: of the HTML, in bytes.
    """

    problems: tuple[Finding, ...]
    differences: tuple[Finding, ...]
    size: int


def check_html(html: str | None, *, text: str | None, content_ids: Collection[str]) -> HtmlCheck:
    """Check an email.

    Args:
        content_ids: of the files that came with it.
    """
    problems: list[Finding] = []
    differences: list[Finding] = []
    if not (text or "").strip():
        problems.append(
            Finding(
                what="There is no text part.",
                advice="Add one: watches, some screen readers and filters for spam read it.",
            )
        )
    if html is None:
        return HtmlCheck(problems=tuple(problems), differences=(), size=0)
    size = len(html.encode(errors="replace"))
    if size > GMAIL_SHOWS_BYTES:
        problems.append(
            Finding(
                what=f"The HTML has {size // 1000} kB.",
                advice=f"Gmail cuts off what is behind the first {GMAIL_SHOWS_BYTES // 1000} kB, and the link to "
                "unsubscribe with it: show less.",
            )
        )
    used: set[str] = set()
    try:
        page = _Page(html, content_ids)
        problems += page.problems()
        differences += page.differences()
        used = features.used_features(html)
    except (AssertionError, RecursionError, ValueError):
        # A marked section such as <![x[, rules within rules without end, a number of more digits than Python reads.
        problems.append(
            Finding(what="The HTML is malformed.", advice="Fix it: mail programs may show only a part of it.")
        )
    for feature in sorted(used):
        if programs := mail_programs.programs_without().get(feature):
            harmless = WITHOUT_HARM.get(feature)
            advice = harmless or "Make sure that the email reads well without it, or leave it out."
            (differences if harmless else problems).append(_unknown(feature, programs, advice))
    return HtmlCheck(problems=tuple(problems), differences=tuple(differences), size=size)


def _unknown(feature: str, programs: Collection[str], advice: str) -> Finding:
    return Finding(
        what=features.in_words(feature),
        advice=advice,
        lacking=mail_programs.in_words(programs),
        url=_FEATURE_PAGE.format(feature),
    )


class _Page(HTMLParser):
    """Counts what is wrong in a page."""

    def __init__(self, html: str, content_ids: Collection[str]) -> None:
        super().__init__()
        self._content_ids = content_ids
        self._language = self._title = ""
        self._in = ""
        self._is_in_body = False
        self._scripts = self._silent_images = self._remote_images = self._embedded_images = 0
        self._styles_in_body = self._longest_style = 0
        self._insecure: list[str] = []
        self._nowhere: list[str] = []
        self._missing_files: list[str] = []
        self._widest = 0
        self.feed(features.CONDITIONAL.sub("", html))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        self._in = tag
        self._is_in_body = self._is_in_body or tag == "body"
        self._scripts += tag == "script" or any(name.startswith("on") for name in given)
        self._widest = max(self._widest, _fixed_width(given))
        if tag == "html":
            self._language = given.get("lang", "").strip()
        elif tag == "img":
            self._silent_images += "alt" not in given
            self._look_at_source(given.get("src", "").strip())
        elif tag == "a" and "href" in given:
            self._look_at_link(given["href"].strip())
        elif tag == "style":
            self._styles_in_body += self._is_in_body

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "title":
            self._title += data.strip()
        elif self._in == "style":
            self._longest_style = max(self._longest_style, len(data.encode(errors="replace")))

    def _look_at_source(self, address: str) -> None:
        scheme = address.partition(":")[0].lower()
        if scheme == "cid":
            if (content_id := unquote(address[4:])) not in self._content_ids:
                self._missing_files.append(content_id)
        elif scheme == "data":
            self._embedded_images += 1
        else:
            self._remote_images += 1
            self._look_at_link(address)

    def _look_at_link(self, address: str) -> None:
        try:
            parts = urlsplit(address)
        except ValueError:
            self._nowhere.append(address)
            return
        if parts.scheme == "javascript":
            self._scripts += 1
        elif not parts.scheme and not address.startswith("#"):
            self._nowhere.append(address)
        elif parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            # The pages of this machine have no certificate, and are in no email that leaves it.
            self._insecure.append(address)

    def problems(self) -> list[Finding]:
        found = (
            (
                not self._language,
                "The page does not say its language.",
                'Write it into the first element, such as <html lang="en">: screen readers speak by it.',
            ),
            (not self._title, "The page has no title.", "Add a <title>: screen readers name the email by it."),
            (
                self._silent_images,
                f"{_counted(self._silent_images, 'picture has', 'pictures have')} no attribute alt.",
                'Say what there is to see, or write alt="" where it says nothing: many people see no pictures.',
            ),
            (
                self._missing_files,
                f"Pictures name files that did not come with the email: {_some(self._missing_files)}.",
                "Attach each with the content id that the HTML names.",
            ),
            (
                self._embedded_images,
                f"{_counted(self._embedded_images, 'picture is', 'pictures are')} written into the HTML (data:).",
                "Gmail shows none of those: attach them, and name them by cid:.",
            ),
            (
                self._insecure,
                f"Without https: {_some(self._insecure)}.",
                "Use https: browsers warn of http, and mail programs may not load it.",
            ),
            (
                self._nowhere,
                f"Links lead nowhere: {_some(self._nowhere)}.",
                "An email has no address of its own: write the whole one, with https://.",
            ),
            (
                self._widest > WIDEST,
                f"Something is {self._widest} pixels wide.",
                f"Stay within {WIDEST}, or use max-width: the rest is cut off, or the text becomes tiny on telephones.",
            ),
            (
                self._scripts,
                f"{_counted(self._scripts, 'script is', 'scripts are')} in the email.",
                "Mail programs run none, and many take an email with one for an attack: leave it out.",
            ),
            (
                self._styles_in_body,
                f"{_counted(self._styles_in_body, '<style> is', '<style> are')} in the body.",
                "Gmail leaves those out: move them into the head.",
            ),
            (
                self._longest_style > GMAIL_STYLE_BYTES,
                f"A <style> has {self._longest_style // 1000} kB.",
                f"Gmail leaves out one of more than {GMAIL_STYLE_BYTES // 1000} kB: divide it.",
            ),
        )
        return [Finding(what=what, advice=advice) for is_so, what, advice in found if is_so]

    def differences(self) -> list[Finding]:
        if not self._remote_images:
            return []
        what = f"{_counted(self._remote_images, 'picture is', 'pictures are')} on another server."
        advice = "Many mail programs show those only after a click: attach what the email cannot be read without."
        return [Finding(what=what, advice=advice)]


def _fixed_width(given: dict[str, str]) -> int:
    widths = [int(each) for each in _FIXED_WIDTH.findall(given.get("style", ""))]
    attribute = given.get("width", "").strip().removesuffix("px")
    return max([*widths, int(attribute[:6]) if attribute.isdecimal() else 0])


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _some(texts: list[str]) -> str:
    shown = list(dict.fromkeys(texts))
    return ", ".join(each or "(empty)" for each in shown[:3]) + (
        f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    )
